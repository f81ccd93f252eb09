import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Kafka, logLevel } from 'kafkajs';
import { openKafkaLog } from '../adapters/kafka/event-log/kafka-log.ts';
import type { EventLog } from '../ports/event-log.ts';
import { type Engines, startEngines } from '../testing/cluster.ts';
import { call, clientOf, type Dynamic, hangUp } from '../testing/contract.ts';
import { wholeConversation } from '../testing/oracle.ts';
import { mediaIn } from '../testing/sayings.ts';
import { childEnv, runParley, startServer } from '../testing/server.ts';
import { eventually, TestSessions } from '../testing/test-sessions.ts';
import { type LivedInFolder, livedInFolder } from './testing/lived-in-folder.ts';

const titles = 10_000;
const entry = new URL('parley.ts', import.meta.url).pathname;

let engines: Engines;
let folder: LivedInFolder;
let env: Readonly<Record<string, string>>;
let embedded: Readonly<Record<string, string>>;
beforeAll(async () => {
  engines = await startEngines();
  folder = await livedInFolder(titles);
  embedded = { PARLEY_DATA_DIR: folder.dataDir };
  env = { ...engines.env, ...embedded };
});
afterAll(async () => {
  await folder?.[Symbol.asyncDispose]();
  await engines?.[Symbol.asyncDispose]();
});

function openLog(): Promise<EventLog> {
  const quiet = () => undefined;
  return openKafkaLog({
    config: { brokers: engines.kafka.brokers.split(','), tls: false, sasl: undefined, clientId: 'test' },
    topics: { 'parley.connections': 1, 'parley.conversations': 10 },
    erasable: { topics: ['parley.conversations'], keysTopic: 'parley.keys' },
    logger: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    mode: 'read',
  });
}

async function recordsThere(): Promise<number> {
  await using log = await openLog();
  const ends = await Promise.all(
    Array.from({ length: 10 }, (_, partition) => log.endOffset('parley.conversations', partition)),
  );
  return ends.reduce((sum, end) => sum + end, 0);
}

/** Asks on one connection, which takes milliseconds: a log that is opened for each look would see the first records when all are there. */
async function copyingHasBegun(): Promise<void> {
  const brokers = engines.kafka.brokers.split(',');
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING, retry: { retries: 0 } }).admin();
  await admin.connect();
  try {
    // There is no such topic at first.
    const ends = () => admin.fetchTopicOffsets('parley.conversations').catch(() => []);
    await eventually(ends, (partitions) => partitions.some(({ high }) => high !== '0'), 60_000);
  } finally {
    await admin.disconnect();
  }
}

/** What a command prints that ends well. */
async function printed(where: Readonly<Record<string, string>>, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runParley(args, where);
  if (code !== 0) throw new Error(`parley ${args.join(' ')} ended with ${code}: ${stdout}${stderr}`);
  return stdout;
}

/** What `parley audit` finds, without how long it took. */
async function auditOf(where: Readonly<Record<string, string>>): Promise<Dynamic> {
  const found = JSON.parse(await printed(where, 'audit', '--json'));
  const { seconds: _seconds, recordsPerSecond: _speed, ...report } = found;
  return report;
}

async function conversationOf(address: string, clientId: string, title: string): Promise<Dynamic> {
  const history = clientOf('chat.v1.HistoryService', address);
  try {
    const { conversations } = await call(history, 'ListConversations', { clientId });
    return conversations.find((conversation: Dynamic) => conversation.title === title);
  } finally {
    hangUp(history);
  }
}

test('nothing is copied over what is there, of another prefix or number of partitions, or without a deployment', async () => {
  const alone = await runParley(['copy-log'], embedded);
  expect(alone).toMatchObject({ code: 1, stderr: expect.stringContaining('set PARLEY_PROFILE=distributed') });
  const other = await runParley(['copy-log'], { ...env, PARLEY_PREFIX: 'other' });
  expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('not other.connections') });
  const fewer = await runParley(['copy-log'], { ...env, PARLEY_PARTITIONS: '4' });
  expect(fewer).toMatchObject({ code: 1, stderr: expect.stringContaining('set PARLEY_PARTITIONS=10') });
  await using _server = await startServer({ dataDir: folder.dataDir });
  expect(await runParley(['copy-log'], env)).toMatchObject({ code: 1, stderr: expect.stringContaining('in use') });
});

test('killed in the middle, no server starts; the next run ends it, and both sides are the same', async () => {
  const child = spawn(process.execPath, [entry, 'copy-log'], { env: childEnv(env), stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('close', resolve));
  await copyingHasBegun();
  child.kill('SIGKILL');
  await ended;
  const there = await recordsThere();
  expect(there).toBeLessThan(titles);
  await expect(startServer({ env: engines.env })).rejects.toThrow(
    /message\.timestamp\.type is CreateTime(.|\n)*`parley copy-log`.*run it again/,
  );

  // Somebody was quick to take a name.
  const passwordFile = join(folder.dataDir, 'password');
  await writeFile(passwordFile, 'correct horse\n');
  await printed(engines.env, 'user', 'add', 'alice', '--password-file', passwordFile);
  const unequal = await runParley(['copy-log'], env);
  expect(unequal).toMatchObject({ code: 1, stdout: expect.stringContaining('DIFFERENT  the account alice') });
  await expect(startServer({ env: engines.env })).rejects.toThrow(/message\.timestamp\.type is CreateTime/);
  const [, , before] = /log {8}(\d+) records, (\d+) of them were there already/.exec(unequal.stdout) ?? [];
  expect(Number(before)).toBeGreaterThanOrEqual(there);

  await printed(engines.env, 'user', 'remove', 'alice');
  const stdout = await printed(env, 'copy-log');
  const [, records] = /log {8}(\d+) records, \d+ of them were there already/.exec(stdout) ?? [];
  expect(Number(records)).toBeGreaterThan(titles);
  expect(stdout).toMatch(/positions {2}of [1-9]\d* partitions\nmedia {6}[1-9]\d*, .*\naccounts {3}4, /);
  expect(stdout).toContain('both sides: equal');
  const copied = await auditOf(engines.env);
  expect(copied).toMatchObject({ records: Number(records), breaches: [], undecodable: [] });
  expect(copied).toEqual(await auditOf(embedded));
  expect(await printed(engines.env, 'user', 'list')).toBe(await printed(embedded, 'user', 'list'));
  expect(await printed(env, 'copy-log')).toContain('records were there already');
});

test('a client goes on where it was, what was pending is answered, and what was deleted is erased', async () => {
  const { guest, deletedWords, erasedConversationId, deletedConversationId } = folder;
  const settings = { ...engines.env, PARLEY_SIMULATED_TEXT_DELAY_MS: '0', PARLEY_ERASURE_DELAY_MS: '0' };
  await using server = await startServer({ env: settings });
  await using testSessions = new TestSessions(server, 'bidi');
  const { clientId, conversationId, afterSequence } = guest;
  // The killed server's session is still open in the log: its gateway is given up after 15 s without a beat.
  const { session } = await eventually(
    () => testSessions.connect({ clientId, conversationId, afterSequence }).catch(() => ({ session: undefined })),
    ({ session: found }) => found !== undefined,
    60_000,
  );
  if (session === undefined) throw new Error('nobody was welcomed');
  const reply = await session.reply(guest.pendingMessageId, 60_000);
  const told = [...new Set(session.all('message').map(({ messageId }) => messageId))];
  expect(told).toEqual([...guest.missed, reply.messageId]);
  const whole = await eventually(
    () => wholeConversation(server.address, conversationId),
    (messages) => messages.at(-1)?.messageId === reply.messageId,
    60_000,
  );
  expect(whole.slice(2).map(({ messageId }) => messageId)).toEqual(told);

  await checkMedia(server.address);
  const shown = () => runParley(['tail', '--no-follow', '--texts', '--lines', '100000'], engines.env);
  await eventually(
    shown,
    (log) => log.stdout.includes(`ConversationErased conversationId=${deletedConversationId}`),
    60_000,
  );
  // Asked anew: a process that was reading while the keys were destroyed may have learned of that a moment later.
  const { stdout } = await shown();
  expect(stdout).not.toContain(deletedWords);
  const erased = stdout.split('\n').filter((line) => line.includes(`conversationId=${erasedConversationId}`));
  expect(erased.filter((line) => /MessageReceived/.test(line)).every((line) => line.includes('words=erased'))).toBe(
    true,
  );
  expect(stdout).toContain('title="Title 9999');
});

async function checkMedia(address: string): Promise<void> {
  const { conversationId } = await eventually(
    () => conversationOf(address, 'alice', 'A trip to the sea'),
    (conversation) => conversation !== undefined,
    60_000,
  );
  const media = (await wholeConversation(address, conversationId)).flatMap(mediaIn);
  expect(media.length).toBeGreaterThan(2);
  for (const { url, sha256, sizeBytes } of media) {
    const bytes = Buffer.from(await (await fetch(url)).arrayBuffer());
    expect(bytes.length).toBe(Number(sizeBytes));
    expect(createHash('sha256').update(bytes).digest()).toEqual(Buffer.from(sha256));
  }
}

test('once servers have gone on there, nothing is copied over it', async () => {
  const refused = await runParley(['copy-log'], env);
  const stderr = expect.stringContaining('records that the log to copy does not have');
  expect(refused).toMatchObject({ code: 1, stderr });
});
