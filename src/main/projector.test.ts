import { copyFile, mkdtemp, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { historyModel } from '../../projections/history/document.ts';
import { history } from '../../projections/history/query.ts';
import { messageReceived, replyCompleted, workerClaimed } from '../../projections/testing/conversation-events.ts';
import { openSqliteLog, type WritableSqliteLog } from '../adapters/sqlite/event-log/sqlite-log.ts';
import { openSqliteReadModels } from '../adapters/sqlite/read-model/store.ts';
import { Journal } from '../app/journal.ts';
import { eventCodec } from '../testing/event-codec.ts';
import { type ProjectorThread, startProjectorThread } from './projector.ts';

const partitions = 3;
const longMs = 20_000;

let dataDir: string;
let log: WritableSqliteLog;
let journal: Journal;
let readModelPath: string;
const faults: Error[] = [];
const troubles: string[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'parley-projector-'));
  readModelPath = join(dataDir, 'read-models.db');
  log = await openSqliteLog({
    mode: 'write',
    dataDir,
    topics: { 'test.conversations': partitions, 'test.connections': 1 },
  });
  journal = new Journal(log, eventCodec, 'test');
  faults.length = 0;
  troubles.length = 0;
});
afterEach(async () => {
  await log[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true });
  expect(faults).toEqual([]);
});

function start(): Promise<ProjectorThread> {
  return startProjectorThread({
    dataDir,
    readModelPath,
    prefix: 'test',
    partitions,
    wakeSignal: log.wakeSignal,
    onFault: (error) => faults.push(error),
    onDeadLetter: () => {},
    onTrouble: (what) => troubles.push(what),
  });
}

async function say(messageId: string): Promise<number> {
  const events = [
    workerClaimed(`claim of ${messageId}`),
    messageReceived(messageId),
    replyCompleted(messageId, { claimId: `claim of ${messageId}` }),
  ];
  const appended = await journal.appendConversation(1, 'talk', events);
  return appended.at(-1)?.offset ?? -1;
}

test('who waits for a sequence then reads what was appended', async () => {
  const projector = await start();
  await using store = openSqliteReadModels({ path: readModelPath, mode: 'read' });
  for (const id of ['a', 'b', 'c']) {
    const sequence = await say(id);
    expect(await projector.waitFor(historyModel, 1, sequence, longMs)).toBe(true);
    expect(projector.checkpoint(historyModel, 1)).toBe(sequence + 1);
    expect(await history(store).getMessage(id)).toMatchObject({ status: 'completed' });
  }
  expect(await projector.history.reached(1, projector.checkpoint(historyModel, 1), 0)).toBe(true);
  await projector.close();
});

test('who waits for what never comes is told so', async () => {
  const projector = await start();
  expect(await projector.waitFor(historyModel, 2, 0, 20)).toBe(false);
  const waiting = projector.waitFor(historyModel, 2, 0, longMs);
  await projector.close();
  expect(await waiting).toBe(false);
});

test('a projector that starts again goes on', async () => {
  const first = await start();
  expect(await first.waitFor(historyModel, 1, await say('a'), longMs)).toBe(true);
  await first.close();
  const sequence = await say('b');
  const second = await start();
  expect(await second.waitFor(historyModel, 1, sequence, longMs)).toBe(true);
  await second.close();
  await using store = openSqliteReadModels({ path: readModelPath, mode: 'read' });
  expect((await history(store).listMessages('talk', { limit: 10 })).items).toHaveLength(4);
});

test('a file that a reader finds damaged is made again while the server runs', async () => {
  const projector = await start();
  const sequence = await say('a');
  expect(await projector.waitFor(historyModel, 1, sequence, longMs)).toBe(true);
  await projector.close();
  const file = await open(readModelPath, 'r+');
  const content = await file.readFile();
  await file.write(Buffer.from('WORDS'), 0, 5, content.indexOf('words of a'));
  await file.close();

  const again = await start();
  await using store = openSqliteReadModels({
    path: readModelPath,
    mode: 'read',
    onDamaged: (inode) => again.reportDamaged(inode),
  });
  const queries = history(store);
  await expect(queries.getMessage('a')).rejects.toMatchObject({ name: 'ReadModelUnavailable' });
  const deadline = performance.now() + longMs;
  let found = await queries.getMessage('a').catch(() => null);
  while (found?.status !== 'completed' && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    found = await queries.getMessage('a').catch(() => null);
  }
  expect(found).toMatchObject({ status: 'completed', parts: [{ kind: 'text', text: 'words of a' }] });
  expect(await readdir(dataDir)).toContain('read-models.db.damaged');
  await again.close();
});

describe('a history that began again claims nothing that its new file lacks', () => {
  const messages = 300;
  // The checkpoints of the former file stood for up to a second: conversations read as deleted, and their messages ended STOPPED.
  const replacements: readonly (readonly [string, (projector: ProjectorThread, former: string) => Promise<void>])[] = [
    ['because the file was damaged', async (projector) => projector.reportDamaged((await stat(readModelPath)).ino)],
    ['because the file was removed', () => rm(readModelPath)],
    ['because an older copy took its place', (_projector, former) => rename(former, readModelPath)],
  ];

  test.each(replacements)('%s', async (_what, replace) => {
    const first = await start();
    await first.close();
    const former = `${readModelPath}.former`;
    await copyFile(readModelPath, former);
    const projector = await start();
    await using store = openSqliteReadModels({
      path: readModelPath,
      mode: 'read',
      isCurrent: (inode) => projector.isCurrent(inode),
    });
    const queries = history(store);
    let sequence = 0;
    for (let number = 0; number < messages; number++) sequence = await say(`m${number}`);
    expect(await projector.waitFor(historyModel, 1, sequence, longMs)).toBe(true);
    const ids = ['m0', `m${messages / 2}`, `m${messages - 1}`];
    const ask = () => Promise.all(ids.map((id) => queries.getMessage(id)));
    const upTo = new Map([[1, sequence + 1]]);
    await replace(projector, former);
    const answers = { whole: 0, refused: 0, lacking: 0 };
    const untilMs = performance.now() + longMs;
    while (performance.now() < untilMs && (answers.refused === 0 || answers.whole < 10)) {
      const found = await projector.history.whole(upTo, 0, ask).catch(() => null);
      if (found === null) answers.refused += 1;
      else if (found.answer.includes(null)) answers.lacking += 1;
      else if (answers.refused > 0) answers.whole += 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(answers).toMatchObject({ whole: 10, lacking: 0 });
    await projector.close();
  });
});

test('a thread that cannot begin says why', async () => {
  await expect(
    startProjectorThread({
      dataDir: join(dataDir, 'nowhere'),
      readModelPath,
      prefix: 'test',
      partitions,
      wakeSignal: log.wakeSignal,
      onFault: (error) => faults.push(error),
      onDeadLetter: () => {},
      onTrouble: () => {},
    }),
  ).rejects.toThrow('there is no log');
});
