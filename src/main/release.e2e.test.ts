import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { textOf } from '../testing/black-box-client.ts';
import { call, clientOf, hangUp } from '../testing/contract.ts';
import { runParley, startServer } from '../testing/server.ts';
import { eventually } from '../testing/test-sessions.ts';
import { release } from './release.ts';

/** The data folder of a server of release 0.1, to which olga said two things. */
const release01 = fileURLToPath(new URL('./testing/releases/0.1', import.meta.url));

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'parley-release-'));
  await cp(release01, dataDir, { recursive: true });
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

const parley = (...args: string[]) => runParley(args, { PARLEY_DATA_DIR: dataDir });

describe('a data folder of release 0.1', () => {
  test('is brought up to date once, and keeps every limit', async () => {
    const first = await parley('migrate');
    expect(first).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/log: version 1, now 2(.|\n)*read model history: of an older release/),
    });
    const second = await parley('migrate');
    expect(second).toMatchObject({ code: 0, stdout: expect.stringContaining('read model history: current') });
    expect(await parley('audit')).toMatchObject({ code: 0 });
    expect(await parley('rebuild', 'history')).toMatchObject({ code: 0 });
  });

  test('is served as it is: what was said is listed, found and can be deleted, words and all', async () => {
    await using server = await startServer({ dataDir, env: { PARLEY_ERASURE_DELAY_MS: '0' } });
    const history = clientOf('chat.v1.HistoryService', server.address);
    try {
      // What an older release made of history is made again, while the server serves.
      expect(server.stderr()).toContain('read models of an older release are rebuilt from the log');
      const { conversations } = await eventually(
        () => call(history, 'ListConversations', { clientId: 'olga' }),
        ({ conversations: [first] }) => first?.messageCount === 4,
      );
      await eventually(
        async () => server.stderr(),
        (lines) => lines.includes('"model":"history","msg":"the read model has caught up with the log"'),
      );
      expect(conversations).toMatchObject([{ title: 'Hello from long ago', messageCount: 4 }]);
      const found = await call(history, 'SearchMessages', { clientId: 'olga', query: 'AGO long' });
      expect(found.messages.map(textOf)).toEqual(['Hello from long ago']);
      const [{ conversationId }] = conversations;
      const log = join(dataDir, 'log', 'log.db');
      expect((await readFile(log)).includes('long ago')).toBe(true);
      await call(history, 'DeleteConversation', { conversationId });
      await eventually(
        () => parley('tail', '--no-follow').then(({ stdout }) => stdout),
        (lines) => lines.includes('ConversationErased'),
      );
      expect((await readFile(log)).includes('long ago')).toBe(false);
    } finally {
      hangUp(history);
    }
    expect(await parley('audit')).toMatchObject({ code: 0 });
  });
});

test('a data folder that this release has written is marked in its log, whose format release 0.2 refuses, read models or not', async () => {
  await (await startServer({ dataDir }))[Symbol.asyncDispose]();
  await rm(join(dataDir, 'read-models.db'));
  using log = new DatabaseSync(join(dataDir, 'log/log.db'), { readOnly: true });
  // Until 0.2 what is above 1 was refused.
  expect(log.prepare('PRAGMA user_version').get()?.['user_version']).toBeGreaterThan(1);
  expect(log.prepare('SELECT release FROM written_by').all()).toEqual([{ release }]);
});

describe('a store of a later release is refused by name, and nothing starts on it', () => {
  const raise = (file: string) => {
    using database = new DatabaseSync(join(dataDir, file));
    database.exec('PRAGMA user_version = 99');
  };
  const stores: [string, () => Promise<void> | void][] = [
    ['the log', () => raise('log/log.db')],
    [
      'the accounts',
      async () => {
        await writeFile(join(dataDir, 'password'), 'password');
        await parley('user', 'add', 'olga', '--password-file', join(dataDir, 'password'));
        raise('accounts.db');
      },
    ],
    [
      'the media',
      async () => {
        await mkdir(join(dataDir, 'media'));
        await writeFile(join(dataDir, 'media', 'version'), '99\n');
      },
    ],
  ];
  test.each(stores)('%s', async (_store, makeLater) => {
    await makeLater();
    const { code, stderr } = await parley('migrate');
    expect(code).toBe(1);
    expect(stderr).toContain('99');
    await expect(startServer({ dataDir, env: { PARLEY_AUTH: 'accounts' } })).rejects.toThrow('99');
  });
});
