/**
 * A data folder that was removed while the server ran: SQLite went on writing into files that no path led to any more, appends were
 * acknowledged, and all of them were gone with the process.
 */
import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { LogUnavailable } from '../../../ports/event-log.ts';
import { logFiles, logFolder } from './schema.ts';
import { openSqliteLog, type WritableSqliteLog } from './sqlite-log.ts';
import { openForTest, readAll, recordOf, temporaryFolder, testTopics } from './testing/logs.ts';

const bytes = new Uint8Array(100);

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let dataDir: string;
let log: WritableSqliteLog;
let faults: Error[];
let faulty: PromiseWithResolvers<Error>;

beforeEach(async () => {
  folder = await temporaryFolder();
  dataDir = `${folder.path}/data`;
  faults = [];
  faulty = Promise.withResolvers();
  log = await openSqliteLog({
    mode: 'write',
    dataDir,
    topics: testTopics,
    onFault: (error) => {
      faults.push(error);
      faulty.resolve(error);
    },
  });
  await log.append([recordOf(1, 'before', bytes)]);
});
afterEach(async () => {
  await log[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

describe('nothing is acknowledged, and the fault is reported once, when', () => {
  const displacements: readonly (readonly [string, () => Promise<void>])[] = [
    ['the data folder is removed', () => rm(dataDir, { recursive: true })],
    ['the data folder is renamed', () => rename(dataDir, `${dataDir}.old`)],
    [
      'the data folder is replaced by a copy',
      async () => {
        await rename(dataDir, `${dataDir}.old`);
        await cp(`${dataDir}.old`, dataDir, { recursive: true });
      },
    ],
    ['the log file is removed', () => rm(logFiles(logFolder(dataDir)).database)],
    ['the write-ahead log is removed', () => rm(logFiles(logFolder(dataDir)).wal)],
    [
      'the witness is replaced',
      async () => {
        await rm(logFiles(logFolder(dataDir)).head);
        await writeFile(logFiles(logFolder(dataDir)).head, '');
      },
    ],
    ['the lock is removed', () => rm(`${dataDir}/lock`)],
  ];

  test.each(displacements)('%s', async (_what, displace) => {
    await displace();
    const appends = [1, 2, 3].map((number) => log.append([recordOf(1, `after ${number}`, bytes)]));
    for (const append of await Promise.allSettled(appends)) expect(append.status).toBe('rejected');
    await expect(log.append([recordOf(1, 'later', bytes)])).rejects.toThrow(LogUnavailable);
    expect(faults).toHaveLength(1);
    expect(faults[0]?.message).toMatch(/is no longer|another file/);
    expect((await readAll(log, 'conversations', 0)).map(({ key }) => key)).not.toContain('later');
  });
});

test('nothing is erased that would stand in a file put in its place', async () => {
  await rename(dataDir, `${dataDir}.old`);
  await cp(`${dataDir}.old`, dataDir, { recursive: true });
  await expect(log.erase('conversations', 0, [{ offset: 0, value: bytes.slice(0, 1) }])).rejects.toThrow(
    LogUnavailable,
  );
  expect(faults).toHaveLength(1);
});

test('a folder that was removed is noticed without an append', async () => {
  await rm(dataDir, { recursive: true });
  expect((await faulty.promise).message).toMatch('is no longer');
});

test('closing leaves alone what was put in its place', async () => {
  await rename(dataDir, `${dataDir}.old`);
  await cp(`${dataDir}.old`, dataDir, { recursive: true });
  await expect(log.append([recordOf(1, 'after', bytes)])).rejects.toThrow(LogUnavailable);
  await log[Symbol.asyncDispose]();
  await using again = await openForTest(dataDir);
  expect((await readAll(again, 'conversations', 0)).map(({ key }) => key)).toEqual(['before']);
});

test('closing a log whose folder is in place is no fault', async () => {
  await mkdir(`${dataDir}/beside`);
  await log.append([recordOf(1, 'after', bytes)]);
  await log[Symbol.asyncDispose]();
  expect(faults).toEqual([]);
});
