import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { call, clientOf, type Dynamic, hangUp } from '../testing/contract.ts';
import { wholeConversation } from '../testing/oracle.ts';
import { runParley, startServer } from '../testing/server.ts';
import { eventually } from '../testing/test-sessions.ts';

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'parley-seed-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

const seed = (...args: string[]) => runParley(['seed', ...args], { PARLEY_DATA_DIR: dataDir });

async function conversationsOf(address: string, clientId: string): Promise<Dynamic[]> {
  const history = clientOf('chat.v1.HistoryService', address);
  try {
    return (await call(history, 'ListConversations', { clientId })).conversations;
  } finally {
    hangUp(history);
  }
}

const kindsOf = (messages: Dynamic[]) =>
  new Set(messages.flatMap(({ parts }) => parts.map((part: Dynamic) => part.media?.kind ?? 'KIND_TEXT')));

describe('parley seed', () => {
  test('fills an empty folder with conversations of all kinds, and only an empty one', async () => {
    const first = await seed('--yes');
    expect(first).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('never for a server that others can reach'),
    });
    const again = await seed('--yes');
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('nothing was added') });
    await using server = await startServer({ dataDir });
    // History may have to take up what was said last.
    const conversations = await eventually(
      () => conversationsOf(server.address, 'alice'),
      (all) => all.some(({ title }) => title === 'A trip to the sea') && all.length === 3,
    );
    const messages = await eventually(
      async () => {
        const told = conversations.map(({ conversationId }) => wholeConversation(server.address, conversationId));
        return (await Promise.all(told)).flat();
      },
      (all) => all.length === 14 && all.every(({ status }) => status !== 'MESSAGE_STATUS_PROCESSING'),
    );
    expect(kindsOf(messages)).toEqual(new Set(['KIND_TEXT', 'KIND_VOICE', 'KIND_VIDEO', 'KIND_IMAGE']));
    expect(messages.map(({ status }) => status)).toContain('MESSAGE_STATUS_STOPPED');
    for (const other of ['bob', 'charlie'])
      await eventually(
        () => conversationsOf(server.address, other),
        (all) => all.length === 2,
      );
  });

  test('its users sign in with the password that it says, and find their conversations', async () => {
    await seed('--yes');
    await using server = await startServer({ dataDir, env: { PARLEY_AUTH: 'accounts' } });
    const accounts = clientOf('chat.v1.AccountService', server.address);
    const history = clientOf('chat.v1.HistoryService', server.address);
    try {
      const { tokens } = await call(accounts, 'SignIn', { userName: 'bob', password: 'only for trying out' });
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${tokens.accessToken}`);
      await eventually(
        () => call(history, 'ListConversations', {}, undefined, metadata),
        ({ conversations }) => conversations.length === 2,
      );
    } finally {
      hangUp(accounts);
      hangUp(history);
    }
  });

  test('adds nothing unless told to', async () => {
    expect(await seed()).toMatchObject({ code: 1, stdout: expect.stringContaining('Nothing was added') });
    expect((await seed('--yes')).code).toBe(0);
  });
});
