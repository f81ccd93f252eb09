import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ScriptedHistory } from '../client/testing/scripted-history.ts';
import { ScriptedServer } from '../client/testing/scripted-server.ts';
import { Kind, Media, Role } from '../gen/chat/v1/content.ts';
import type { Outcome } from './testing/client-process.ts';
import { runClient } from './testing/client-process.ts';

let server: ScriptedServer;
let history: ScriptedHistory;
let stateHome: string;

beforeEach(async () => {
  stateHome = mkdtempSync(join(tmpdir(), 'parley-cli-'));
  server = new ScriptedServer();
  history = new ScriptedHistory(server);
  server.services = [history.service];
  await server.start();
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(stateHome, { recursive: true });
});

function parley(args: readonly string[], input = '', env = {}): Promise<Outcome> {
  const common = ['--address', server.address, '--client', 'ann', '--time-zone', 'Asia/Tokyo'];
  return runClient(stateHome, [...args, ...common], input, env);
}

function logVoice(): void {
  server.conversations.add('c1');
  const media = Media.create({
    kind: Kind.VOICE,
    contentType: 'audio/mpeg',
    mediaId: 'm1',
    url: 'http://store/m1?sig',
    sizeBytes: 62_345n,
    sha256: Buffer.alloc(32, 1),
  });
  server.log({
    messageId: 'reply-1',
    conversationId: 'c1',
    role: Role.ASSISTANT,
    createTime: new Date('2026-11-22T06:30:12Z'),
    parts: [{ value: { $case: 'text', value: 'Of the sea' } }, { value: { $case: 'media', value: media } }],
  });
}

describe('parley history', () => {
  test('marks a reply that did not come to its end', async () => {
    server.conversations.add('c1');
    const parts = [{ value: { $case: 'text' as const, value: 'Of the se' } }];
    server.log({ messageId: 'r', conversationId: 'c1', role: Role.ASSISTANT, incomplete: true, parts });
    expect((await parley(['history', 'c1'])).output).toMatch(/bot: Of the se {2}\[incomplete\]\n$/);
  });

  test('shows media in a few words, and where they are when asked', async () => {
    logVoice();
    const text = '2026-11-22 15:30:12  bot: Of the sea\n                          [voice, MP3, 62.3 kB';
    expect((await parley(['history', 'c1'])).output).toBe(`${text}]\n`);
    expect((await parley(['history', 'c1', '--urls'])).output).toBe(`${text}] http://store/m1?sig\n`);
    const [line = ''] = (await parley(['history', 'c1', '--json'])).output.split('\n');
    expect(JSON.parse(line).parts[1].media).toMatchObject({
      mediaId: 'm1',
      sizeBytes: 62_345,
      sha256: '01'.repeat(32),
    });
  });
});

describe('parley search', () => {
  test('finds the words in any conversation, and fails when there is nothing', async () => {
    logVoice();
    const { output, exitCode } = await parley(['search', 'the', 'sea']);
    expect({ output, exitCode }).toEqual({
      output: expect.stringMatching(/^2026-11-22 15:30:12 {2}c1 {2}bot: Of the sea\n/),
      exitCode: 0,
    });
    expect(history.searched).toMatchObject([{ query: 'the sea', clientId: 'ann', pageSize: 20 }]);
    const errors = 'Nothing was found in the conversations of ann.\n';
    expect(await parley(['search', 'mountains'])).toEqual({ output: '', exitCode: 1, errors });
  });

  test('shows the words in bold, and titles first, where the output is a terminal', async () => {
    logVoice();
    await parley(['rename', 'c1', 'the', 'sea']);
    const asTerminal = { FORCE_COLOR: '1', NO_COLOR: undefined, NODE_DISABLE_COLORS: undefined };
    const { output } = await parley(['search', 'the', 'sea'], '', asTerminal);
    expect(output.split('\n').slice(0, 2)).toEqual([
      expect.stringMatching(/ c1 .* {2}\u001b\[1mthe sea\u001b\[22m$/),
      expect.stringMatching(/^2026-11-22 15:30:12 {2}c1 {2}bot: Of \u001b\[1mthe sea\u001b\[22m$/),
    ]);
    expect((await parley(['search', 'the', 'sea'])).output).not.toContain('\u001b');
    const lines = (await parley(['search', 'the', 'sea', '--json'], '', asTerminal)).output.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { conversationId: 'c1', title: 'the sea', excerpt: [{ text: 'the sea', found: true }] },
      { messageId: 'reply-1', excerpt: [{ text: 'Of ' }, { text: 'the sea', found: true }, {}] },
    ]);
  });
});

describe('parley rename and parley delete', () => {
  test('do it and say so', async () => {
    logVoice();
    expect(await parley(['rename', 'c1', 'The', 'sea '])).toEqual({
      output: 'c1 is now called The sea.\n',
      exitCode: 0,
      errors: '',
    });
    expect(await parley(['delete', 'c1', '--yes'])).toEqual({ output: 'c1 is deleted.\n', exitCode: 0, errors: '' });
    expect(history.deleted).toEqual(['c1']);
  });

  test('do not delete what nobody confirmed, or is not there', async () => {
    logVoice();
    expect(await parley(['delete', 'c1'], 'yes\n')).toMatchObject({
      exitCode: 1,
      errors: expect.stringContaining('--yes'),
    });
    expect(await parley(['delete', 'c9', '--yes'])).toMatchObject({
      exitCode: 1,
      errors: 'NOT_FOUND: There is no such conversation — check the id or the name.\n',
    });
    expect(history.deleted).toEqual([]);
  });
});

describe('a chat', () => {
  test('tells its history, searches, renames and deletes', async () => {
    const script = ['hello', '/history', '/search hello', '/rename  Greetings ', '/delete', '/delete yes', 'anew'];
    const { output, errors, exitCode } = await parley(['chat'], script.map((line) => `${line}\n`).join(''));
    expect(output.split('\n')).toEqual([
      'You said: hello',
      '  you: hello  [waiting for an answer]',
      '2026-11-22 15:30:12  bot: You said: hello',
      '2026-11-22 15:30:12  c1  bot: You said: hello',
      '  c1  you: hello  [waiting for an answer]',
      'This conversation is now called Greetings.',
      'c1 is deleted. This is a new conversation.',
      'You said: anew',
      '',
    ]);
    expect(errors).toBe('Nobody can be asked here: `/delete yes` deletes this conversation.\n');
    expect(exitCode).toBe(1);
    expect(history.listed).toMatchObject([{ conversationId: 'c1', newestFirst: true, atLeastSequence: 2n }]);
    expect(server.messages.at(-1)?.conversationId).toBe('c2');
  });
});
