import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Chat } from '../client/chat.ts';
import { textOf } from '../client/message-text.ts';
import { grpc } from '../client/node/grpc.ts';
import { Parley } from '../client/parley.ts';
import type { ParleyServer } from '../testing/server.ts';
import { runParley, startServer } from '../testing/server.ts';
import { runClient } from './testing/client-process.ts';

let server: ParleyServer;
const clients: Chat[] = [];

beforeAll(async () => {
  server = await startServer({ env: { PARLEY_SIMULATED_TEXT_DELAY_MS: '0', PARLEY_SIMULATED_SEED: '1' } });
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});
afterAll(() => server?.[Symbol.asyncDispose]());

function parleyOf(clientId: string): Parley {
  return new Parley({ wire: grpc({ address: server.address }), clientId, timeZone: 'Asia/Tokyo' });
}

async function connected(clientId: string): Promise<Chat> {
  using parley = parleyOf(clientId);
  const client = await parley.chat();
  clients.push(client);
  return client;
}

async function parley(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runParley([...args, '--address', server.address], {});
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

/** Asks again until the answer is as expected: read models follow the log. */
async function until(ask: () => Promise<string>, expected: RegExp): Promise<string> {
  for (;;) {
    const answer = await ask();
    if (expected.test(answer)) return answer;
  }
}

describe('with a real server', () => {
  test('history lists conversations and their messages, over several pages', async () => {
    const client = await connected('historian');
    const replies: string[] = [];
    for (let number = 1; number <= 60; number += 1)
      replies.push(textOf(await (await client.send(`message ${number}`)).reply));
    const { conversationId } = client;
    const list = await until(
      () => parley('history', '--client', 'historian', '--time-zone', 'Asia/Tokyo'),
      /120 messages/,
    );
    expect(list).toMatch(
      new RegExp(`^\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d  ${conversationId}  +120 messages  message 1\n$`),
    );
    const lines = (await parley('history', conversationId, '--json'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ parts }) => parts[0].text)).toEqual(
      replies.flatMap((reply, index) => [`message ${index + 1}`, reply]),
    );
    expect(lines[1]).toMatchObject({ role: 'ASSISTANT', status: 'COMPLETED', conversationId });
    const newest = await parley('history', conversationId, '--newest-first', '--limit', '1');
    expect(newest).toContain(`bot: ${replies.at(-1)}`);
  });

  test('instructions are kept for one client, and go to the model with what it says until they are removed', async () => {
    const stateHome = await mkdtemp(join(tmpdir(), 'parley-instructions-'));
    const as = async (client: string, command: string, args: readonly string[] = [], input = '') => {
      const common = ['--address', server.address, '--client', client];
      return (await runClient(stateHome, [command, ...args, ...common], input)).output;
    };
    try {
      expect(await as('poet', 'instructions')).toBe('No instructions of your own.\n');
      const told = 'Sent with each message of `parley chat` from now on:\nAnswer in rhyme.\n';
      expect(await as('poet', 'instructions', ['Answer', 'in rhyme.'])).toBe(told);
      expect(await as('poet', 'chat', [], 'hello\n')).toContain('“Answer in rhyme.”');
      expect(await as('other', 'chat', [], 'hello\n')).not.toContain('rhyme');
      const tooLong = 'x'.repeat(4_097);
      expect(await as('poet', 'instructions', [tooLong])).toBe('');
      expect(await as('poet', 'instructions')).toBe('Answer in rhyme.\n');
      expect(await as('poet', 'instructions', ['Answer in prose.', '--remove'])).toBe('');
      expect(await as('poet', 'instructions')).toBe('Answer in rhyme.\n');
      expect(await as('poet', 'instructions', ['--remove'])).toBe('No instructions of your own.\n');
      expect(await as('poet', 'chat', [], 'hello\n')).not.toContain('rhyme');
    } finally {
      await rm(stateHome, { recursive: true });
    }
  });

  test('export prints every conversation with its messages, for programs and for people, and saves the media', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'parley-export-'));
    const as = (...args: string[]) => [
      '--address',
      server.address,
      '--client',
      'exporter',
      '--time-zone',
      'UTC',
      ...args,
    ];
    try {
      const nothing = await runClient(folder, ['export', ...as()]);
      expect(nothing).toMatchObject({ output: '', exitCode: 0 });
      expect(nothing.errors).toContain('No conversations of exporter yet.');
      const samples = fileURLToPath(new URL('../testing/samples/', import.meta.url));
      const said = `/image "${samples}picture.png" What is this?\n/new\nIs # a heading?\n`;
      expect((await runClient(folder, ['chat', ...as()], said)).exitCode).toBe(0);
      await until(() => parley('history', '--client', 'exporter'), /2 messages(.*\n)*.*2 messages/);

      const media = join(folder, 'saved');
      const exported = await parley('export', ...as('--media', media));
      const [newest, oldest] = exported
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(newest.messages.map(({ role }: { role: string }) => role)).toEqual(['USER', 'ASSISTANT']);
      expect(newest.messages[0].parts).toEqual([{ text: 'Is # a heading?' }]);
      const [picture] = oldest.messages[0].parts.flatMap((part: { media?: object }) => part.media ?? []);
      expect(picture).toMatchObject({ fileName: 'picture.png', url: '' });
      const saved = await readFile(join(media, oldest.mediaFiles[picture.mediaId]));
      expect(saved).toEqual(await readFile(`${samples}picture.png`));

      const text = await parley('export', ...as('--format', 'markdown', '--media', media));
      expect(text).toContain(`# Is # a heading?\n\nConversation ${newest.conversationId}\n\n**You**, 2`);
      expect(text).toMatch(/\*\*Assistant \(simulated\)\*\*, 2\d{3}-/);
      expect(text).toContain(`[image, PNG, 7.2 kB, picture.png](${oldest.mediaFiles[picture.mediaId]})`);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  // Cause: whoever gave the address of the page was told that no server answers there.
  test('the HTTP port is told from one at which nothing answers', async () => {
    const { code, stderr } = await runParley(['usage', '--address', server.httpAddress], {});
    expect(code).toBe(1);
    expect(stderr).toMatch(/^What answers at .* does not speak gRPC\. .* 127\.0\.0\.1:50051\.\n$/);
  });

  test('usage and connections show who is there, and disconnect ends a session for good', async () => {
    const client = await connected('guest');
    const status = new Promise((resolve) =>
      client.on('status', (told) => told.state === 'closed' && resolve(told.refusal)),
    );
    await (await client.send('hello')).reply;
    expect(await until(() => parley('usage'), /connected +1/)).toMatch(/clients connected +1 +50\n/);
    expect(JSON.parse(await parley('usage', '--json'))).toMatchObject({
      activeClients: 1,
      maxClients: 50,
      maxProcessing: 500,
    });
    expect(await until(() => parley('usage', 'guest'), /messages and replies +2\n/)).toMatch(
      /bytes of its history +\d{3,}\n(.*\n)*bytes of its media +0 +1073741824\n/,
    );
    const table = await until(() => parley('connections'), /guest .* yes /);
    expect(table.split('\n')[1]).toContain('Asia/Tokyo');
    await parley('disconnect', 'guest', '--reason', 'closing time');
    expect(await status).toMatchObject({ reason: 'DISCONNECTED' });
    await until(() => parley('connections'), /^Nobody is connected/);
  });

  test('usage report sums up what replies used, as a table, CSV or JSON', async () => {
    const client = await connected('payer');
    await (await client.send('How much is that?')).reply;
    const report = (...args: string[]) => parley('usage', 'report', '--filter', 'client = payer', ...args);
    const table = await until(() => report('--by', 'client,day'), /payer/);
    expect(table).toMatch(/^client +day +completed +tokens in +tokens out\npayer +2\d{3}-\d\d-\d\d +1 +\d+ +\d+\n$/);
    const row = JSON.parse(await report('--format', 'json'));
    expect(row).toMatchObject({ clientId: 'payer', completed: 1, failed: 0 });
    expect(row.outputTokens).toBeGreaterThan(0);
    const [heads = '', cells = ''] = (await report('--by', 'model', '--format', 'csv')).split('\n');
    expect(heads).toMatch(/^provider,model,completed,failed,stopped,lost,estimated,input_tokens,/);
    expect(cells).toMatch(/^simulated,simulated,1,0,0,0,0,/);
    expect(await report('--from', '2999-01')).toBe('Nothing was used.\n');
    expect(await report('--to', '1999-12-31T23:59+01:00')).toBe('Nothing was used.\n');
    const { code, stderr } = await runParley(['usage', 'report', '--from', 'yesterday'], {});
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('Give 2026-11, 2026-11-01') });
  });

  test('a second process with the saved token takes the session over, and goes on in its conversation', async () => {
    const first = await connected('traveller');
    let saved = { resumeToken: '', conversationId: '', afterSequence: 0n };
    first.on('session', (state) => (saved = state));
    await (await first.send('I am off')).reply;
    const overtaken = new Promise((resolve) =>
      first.on('status', (told) => told.state === 'closed' && resolve(told.refusal)),
    );
    using parley = parleyOf('traveller');
    const second = parley.newChat(saved);
    clients.push(second);
    expect((await second.connect()).conversationId).toBe(saved.conversationId);
    expect(await overtaken).toMatchObject({ reason: 'SESSION_TAKEN_OVER' });
    expect((await second.send('and here again')).accepted.conversationId).toBe(saved.conversationId);
  });
});
