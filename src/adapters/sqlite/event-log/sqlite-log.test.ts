import { readFileSync, rmSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { type EventLog, LogDamaged, type LogRecord, LogUnavailable } from '../../../ports/event-log.ts';
import { lockDataDir } from './data-folder.ts';
import { DataDirLocked, LogConfigMismatch, LogDamagedAtOpen, LogNotFound, LogOfLaterRelease } from './errors.ts';
import { FrameBatch } from './frame.ts';
import { maxRecordBytes } from './limits.ts';
import { LogWriter } from './log-writer.ts';
import { logFiles, logFolder, openForReading, pragma, schemaVersion } from './schema.ts';
import { openSqliteLog } from './sqlite-log.ts';
import { openForTest, readAll, recordOf, tamper, temporaryFolder, testTopics } from './testing/logs.ts';
import { verifyLog } from './verify.ts';

const bytes = new Uint8Array(100);

async function appendKeys(log: EventLog, slot: number, keys: readonly string[]): Promise<void> {
  for (const key of keys) await log.append([recordOf(slot, key, bytes)]);
}

function keysOf(records: readonly LogRecord[]): string[] {
  return records.map(({ key }) => key);
}

/** Tails conversations/0 until it has this many records. */
async function tailKeys(log: EventLog, count: number): Promise<string[]> {
  const stop = new AbortController();
  const found: string[] = [];
  for await (const batch of log.tail('conversations', 0, 0, stop.signal)) {
    found.push(...keysOf(batch));
    if (found.length >= count) stop.abort();
  }
  return found;
}

describe('opening', () => {
  test('refuses a second writer, naming the folder, until the first has closed', async () => {
    await using folder = await temporaryFolder();
    const first = await openForTest(folder.path);
    await expect(openForTest(folder.path)).rejects.toThrow(DataDirLocked);
    await expect(openForTest(folder.path)).rejects.toThrow(folder.path);
    await first[Symbol.asyncDispose]();
    await (await openForTest(folder.path))[Symbol.asyncDispose]();
  });

  test('refuses while a tool holds the folder', async () => {
    await using folder = await temporaryFolder();
    const lock = lockDataDir(folder.path);
    await expect(openForTest(folder.path)).rejects.toThrow(DataDirLocked);
    lock[Symbol.dispose]();
    await (await openForTest(folder.path))[Symbol.asyncDispose]();
  });

  test('refuses another number of partitions, and leaves the folder free', async () => {
    await using folder = await temporaryFolder();
    await (await openForTest(folder.path))[Symbol.asyncDispose]();
    const topics = { ...testTopics, conversations: 4 };
    await expect(openSqliteLog({ mode: 'write', dataDir: folder.path, topics })).rejects.toThrow(LogConfigMismatch);
    await (await openForTest(folder.path))[Symbol.asyncDispose]();
  });

  test('makes topics that the log does not have yet, and keeps the others', async () => {
    await using folder = await temporaryFolder();
    const first = await openForTest(folder.path);
    await appendKeys(first, 1, ['a']);
    await first[Symbol.asyncDispose]();
    const second = await openSqliteLog({ mode: 'write', dataDir: folder.path, topics: { more: 2 } });
    await second.append([{ ...recordOf(0, 'b', bytes), topic: 'more', partition: 1 }]);
    await second[Symbol.asyncDispose]();
    await using third = await openForTest(folder.path);
    expect([...third.topics]).toEqual([...Object.entries(testTopics), ['more', 2]]);
    expect(keysOf(await readAll(third, 'conversations', 0))).toEqual(['a']);
    expect(keysOf(await readAll(third, 'more', 1))).toEqual(['b']);
  });

  test('does not find a log to read where there is none', async () => {
    await using folder = await temporaryFolder();
    await expect(openSqliteLog({ mode: 'read', dataDir: folder.path })).rejects.toThrow(LogNotFound);
  });

  test.each([
    ['head', 'the file head is missing'],
    ['database', 'the file log.db is missing'],
  ] as const)('refuses a log without its %s', async (file, what) => {
    await using folder = await temporaryFolder();
    await (await openForTest(folder.path))[Symbol.asyncDispose]();
    rmSync(logFiles(logFolder(folder.path))[file]);
    await expect(openForTest(folder.path)).rejects.toThrow(what);
    await expect(openForTest(folder.path)).rejects.toThrow(LogDamagedAtOpen);
  });

  test('refuses a log of a later release by its format, for writing and for reading, and leaves it as it was', async () => {
    await using folder = await temporaryFolder();
    const log = await openForTest(folder.path);
    await appendKeys(log, 1, ['a']);
    await log[Symbol.asyncDispose]();
    tamper(folder.path, `PRAGMA user_version = ${schemaVersion + 1}`);
    const { database, head } = logFiles(logFolder(folder.path));
    const before = [database, head].map((path) => readFileSync(path));
    const refusal = `has format ${schemaVersion + 1} and this release reads ${schemaVersion}: a later release`;
    await expect(openForTest(folder.path)).rejects.toThrow(LogOfLaterRelease);
    await expect(openForTest(folder.path)).rejects.toThrow(refusal);
    await expect(openSqliteLog({ mode: 'read', dataDir: folder.path })).rejects.toThrow(refusal);
    expect([database, head].map((path) => readFileSync(path))).toEqual(before);
    tamper(folder.path, `PRAGMA user_version = ${schemaVersion}`);
    await (await openForTest(folder.path))[Symbol.asyncDispose]();
  });

  test('is marked with the release that wrote last, which a later format names when it is refused', async () => {
    await using folder = await temporaryFolder();
    const open = (release: string) =>
      openSqliteLog({ mode: 'write', dataDir: folder.path, topics: { events: 1 }, release });
    await (await open('0.3.0'))[Symbol.asyncDispose]();
    const next = await open('0.4.0');
    expect(next.writtenBy).toBe('0.3.0');
    await next[Symbol.asyncDispose]();
    tamper(folder.path, `PRAGMA user_version = ${schemaVersion + 1}`);
    await expect(open('0.3.0')).rejects.toThrow('a later release of Parley (0.4.0) has written it');
    await expect(openSqliteLog({ mode: 'read', dataDir: folder.path })).rejects.toThrow('(0.4.0)');
  });

  test('of release 0.2 or earlier is read as it is, and marked so that they refuse it from then on', async () => {
    await using folder = await temporaryFolder();
    const log = await openForTest(folder.path);
    await appendKeys(log, 1, ['a']);
    await log[Symbol.asyncDispose]();
    tamper(folder.path, 'PRAGMA user_version = 1');
    await using reader = await openSqliteLog({ mode: 'read', dataDir: folder.path });
    expect(await readAll(reader, 'conversations', 0)).toHaveLength(1);
    const opened = await openSqliteLog({ mode: 'write', dataDir: folder.path, topics: testTopics, release: '0.3.0' });
    expect(opened.writtenBy).toBeUndefined();
    await opened[Symbol.asyncDispose]();
    using database = openForReading(logFiles(logFolder(folder.path)).database);
    expect(pragma(database, 'user_version')).toBe(schemaVersion);
  });

  test('takes a format that no release has written for damage', async () => {
    await using folder = await temporaryFolder();
    await (await openForTest(folder.path))[Symbol.asyncDispose]();
    tamper(folder.path, 'PRAGMA user_version = 0');
    await expect(openForTest(folder.path)).rejects.toThrow(LogDamagedAtOpen);
  });

  test('names a damaged record, a missing one and a changed table, and the next step', async () => {
    await using folder = await temporaryFolder();
    const log = await openForTest(folder.path);
    await appendKeys(log, 1, ['a', 'b', 'c', 'd']);
    await log[Symbol.asyncDispose]();
    tamper(
      folder.path,
      "UPDATE log_2_0 SET frame = CAST(replace(frame, 'id of b', 'id of x') AS BLOB) WHERE offset = 1",
    );
    tamper(folder.path, 'DELETE FROM log_2_0 WHERE offset >= 3; DROP TABLE log_2_2');
    const error: unknown = await openForTest(folder.path).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LogDamagedAtOpen);
    const { message } = error as LogDamagedAtOpen;
    expect(message).toContain('conversations/0 offset 1: the record fails its checksum');
    expect(message).toContain('conversations/0 offset 3: missing');
    expect(message).toContain('table log_2_2 is missing');
    expect(message).toContain('parley salvage');
  });
});

describe('time', () => {
  // Cause: no record was given an earlier time than the latest: one written while the clock was ahead gave its time to all that followed,
  // until that time had come.
  test('is that of the clock again after a record from one that was ahead', async () => {
    await using folder = await temporaryFolder();
    await (await openForTest(folder.path))[Symbol.asyncDispose]();
    const future = Date.now() + 1_000_000;
    const batch = new FrameBatch();
    batch.add(2, recordOf(2, 'of the future', bytes));
    const writer = new LogWriter(logFolder(folder.path), verifyLog(logFolder(folder.path)), () => future);
    writer.write(Buffer.from(batch.memory, 0, batch.byteLength), []);
    writer.close();
    await using log = await openForTest(folder.path);
    const [place] = await log.append([recordOf(1, 'of today', bytes)]);
    expect(place?.timeMs).toBeLessThan(future);
    const found = await Promise.all([1, 0].map((partition) => log.read('conversations', partition, 0, 1)));
    expect(found.flat().map(({ timeMs }) => timeMs)).toEqual([future, place?.timeMs]);
  });

  test('of a batch is no earlier than that of one that was rolled back at its offsets, for salvage tells them apart by it', async () => {
    await using folder = await temporaryFolder();
    await (await openForTest(folder.path))[Symbol.asyncDispose]();
    const times = [2_000, 1_000, 1_500];
    const clock = () => times.shift() ?? 0;
    const writer = new LogWriter(logFolder(folder.path), verifyLog(logFolder(folder.path)), clock);
    const write = (...partitions: readonly number[]) => {
      const batch = new FrameBatch();
      for (const partition of partitions) batch.add(2, recordOf(partition, 'a', bytes));
      return writer.write(Buffer.from(batch.memory, 0, batch.byteLength), []);
    };
    expect(() => write(1, 99)).toThrow();
    expect([write(1), write(1)]).toEqual([2_000, 1_500]);
    writer.close();
  });
});

describe('handles for reading', () => {
  test.each(['woken by the writer', 'looking by themselves'])('tail what is written elsewhere, %s', async (how) => {
    await using folder = await temporaryFolder();
    await using writer = await openForTest(folder.path);
    await appendKeys(writer, 1, ['a', 'b']);
    const wakeSignal = how === 'woken by the writer' ? writer.wakeSignal : undefined;
    await using reader = await openSqliteLog({ mode: 'read', dataDir: folder.path, wakeSignal });
    const tail = tailKeys(reader, 5);
    await appendKeys(writer, 1, ['c', 'd', 'e']);
    expect(await tail).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(await reader.endOffset('conversations', 0)).toBe(5);
    expect(keysOf(await reader.read('conversations', 0, 3, 10))).toEqual(['d', 'e']);
  });

  test('know the topics and positions, and cannot write', async () => {
    await using folder = await temporaryFolder();
    const writer = await openForTest(folder.path);
    await writer.commit('worker', 'conversations', 1, 7);
    await writer[Symbol.asyncDispose]();
    await using reader = await openSqliteLog({ mode: 'read', dataDir: folder.path });
    expect([...reader.topics]).toEqual(Object.entries(testTopics));
    expect(await reader.committed('worker', 'conversations', 1)).toBe(7);
    expect(await reader.committed('worker', 'conversations', 0)).toBe(0);
    await expect(reader.append([recordOf(0, 'a', bytes)])).rejects.toThrow(TypeError);
    await expect(reader.commit('worker', 'conversations', 0, 1)).rejects.toThrow(TypeError);
  });

  test('serve what stands before a damaged record, then name it, and never serve it', async () => {
    await using folder = await temporaryFolder();
    const writer = await openForTest(folder.path);
    await appendKeys(writer, 1, ['a', 'b', 'c', 'd']);
    await writer[Symbol.asyncDispose]();
    tamper(
      folder.path,
      "UPDATE log_2_0 SET frame = CAST(replace(frame, 'id of c', 'id of x') AS BLOB) WHERE offset = 2",
    );
    await using reader = await openSqliteLog({ mode: 'read', dataDir: folder.path });
    const damaged = { name: 'LogDamaged', topic: 'conversations', partition: 0, offset: 2 };
    await expect(reader.read('conversations', 0, 2, 10)).rejects.toMatchObject(damaged);
    await expect(reader.read('conversations', 0, 0, 10)).rejects.toThrow(LogDamaged);
    expect(keysOf(await reader.read('conversations', 0, 0, 2))).toEqual(['a', 'b']);
    const tail = reader.tail('conversations', 0, 0, new AbortController().signal)[Symbol.asyncIterator]();
    expect(keysOf((await tail.next()).value as LogRecord[])).toEqual(['a', 'b']);
    await expect(tail.next()).rejects.toMatchObject(damaged);
  });

  test('miss a record that is gone', async () => {
    await using folder = await temporaryFolder();
    const writer = await openForTest(folder.path);
    await appendKeys(writer, 1, ['a', 'b', 'c']);
    await writer[Symbol.asyncDispose]();
    tamper(folder.path, 'DELETE FROM log_2_0 WHERE offset = 1');
    await using reader = await openSqliteLog({ mode: 'read', dataDir: folder.path });
    const missing = { name: 'LogDamaged', offset: 1, message: expect.stringContaining('missing') };
    await expect(reader.read('conversations', 0, 1, 10)).rejects.toMatchObject(missing);
  });
});

describe('writing', () => {
  test('refuses a record that is too large, with all of its call, and goes on', async () => {
    await using folder = await temporaryFolder();
    await using log = await openForTest(folder.path);
    const tooLarge = recordOf(1, 'large', new Uint8Array(maxRecordBytes));
    const calls = [[recordOf(1, 'a', bytes)], [recordOf(1, 'b', bytes), tooLarge], [recordOf(1, 'c', bytes)]];
    const results = await Promise.allSettled(calls.map((call) => log.append(call)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(keysOf(await readAll(log, 'conversations', 0))).toEqual(['a', 'c']);
  });

  test('stores a position also when nothing is appended', async () => {
    await using folder = await temporaryFolder();
    await using log = await openForTest(folder.path);
    await using reader = await openSqliteLog({ mode: 'read', dataDir: folder.path });
    await log.commit('worker', 'conversations', 0, 3);
    while ((await reader.committed('worker', 'conversations', 0)) !== 3) await nextTurn();
  });

  test('forgets a position whose row is damaged: refolding is safe, skipping is not', async () => {
    await using folder = await temporaryFolder();
    const log = await openForTest(folder.path);
    await log.commit('worker', 'conversations', 0, 3);
    await log[Symbol.asyncDispose]();
    tamper(folder.path, 'UPDATE positions SET offset = 9');
    await using again = await openForTest(folder.path);
    expect(await again.committed('worker', 'conversations', 0)).toBe(0);
  });

  test('answers everything before it closes, and refuses what comes after', async () => {
    await using folder = await temporaryFolder();
    const log = await openForTest(folder.path);
    const appends = Array.from({ length: 100 }, (_, index) => log.append([recordOf(index % 4, `${index}`, bytes)]));
    const tail = (async () => {
      for await (const _batch of log.tail('connections', 0, 0, new AbortController().signal));
    })();
    await Promise.all([log[Symbol.asyncDispose](), expect(tail).rejects.toThrow(LogUnavailable)]);
    expect((await Promise.all(appends)).flat()).toHaveLength(100);
    await expect(log.append([recordOf(0, 'late', bytes)])).rejects.toMatchObject({ outcome: 'not-written' });
    await expect(log.read('connections', 0, 0, 1)).rejects.toThrow(LogUnavailable);
  });
});
