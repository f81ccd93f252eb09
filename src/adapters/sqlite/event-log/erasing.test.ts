import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { type EventLog, LogDamaged, type LogRecord, LogUnavailable } from '../../../ports/event-log.ts';
import { seededRandom, testSeeds } from '../../../testing/random.ts';
import { LogDamagedAtOpen } from './errors.ts';
import { maxRecordBytes, pageBytes } from './limits.ts';
import { salvageLog } from './salvage.ts';
import { logFiles, logFolder } from './schema.ts';
import { openSqliteLog } from './sqlite-log.ts';
import { idsInFiles, recordWithWords, redact } from './testing/content.ts';
import { openForTest, readAll, recordOf, tamper, temporaryFolder } from './testing/logs.ts';
import { verifyLog } from './verify.ts';

const topic = 'conversations';
const walHeaderBytes = 32;

function numbers(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

/** Appends records with these ids to conversations/0, in one call. */
async function appendWords(log: EventLog, ids: readonly number[], wordsBytes = 200): Promise<void> {
  await log.append(ids.map((id) => recordWithWords(1, id, wordsBytes)));
}

/** Erases what conversations/0 holds from this offset on, up to the end or another. */
async function eraseFrom(log: EventLog, fromOffset: number, endOffset?: number): Promise<void> {
  const records = await readAll(log, topic, 0);
  await log.erase(topic, 0, records.slice(fromOffset, endOffset).map(redact));
}

function facts(records: readonly LogRecord[]): string[] {
  return records.map(({ value }) => Buffer.from(value).toString('latin1').slice(0, 30).trim());
}

/** A statement that is in the midst of reading until it is disposed of: SQLite must leave it what it began with. */
function readerInTheMidst(dataDir: string): Disposable {
  const connection = new DatabaseSync(logFiles(logFolder(dataDir)).database, { readOnly: true });
  connection.exec('BEGIN');
  connection.prepare('SELECT count(*) FROM log_2_0').get();
  return { [Symbol.dispose]: () => connection.close() };
}

describe('what was erased', () => {
  test.each(testSeeds)(
    'is in none of the files any more, whatever was appended and erased before and after it (TEST_SEED=%i)',
    async (seed) => {
      const random = seededRandom(seed);
      const below = (bound: number) => Math.floor(random() * bound);
      await using folder = await temporaryFolder();
      await using log = await openForTest(folder.path);
      const kept: { id: number; slot: number; record: LogRecord }[] = [];
      const erased: number[] = [];
      for (let round = 0, nextId = 0; round < 30; round += 1) {
        const given = numbers(below(60), nextId).map((id) => ({ id, slot: 1 + below(3), bytes: wordsBytes(below) }));
        nextId += given.length;
        const records = given.map(({ id, slot, bytes }) => recordWithWords(slot, id, bytes));
        const places = await log.append(records);
        for (const [index, place] of places.entries()) {
          kept.push({ ...given[index]!, record: { ...records[index]!, ...place } });
        }
        const chosen = numbers(below(40)).flatMap(() => kept.splice(below(kept.length), 1));
        for (const slot of [1, 2, 3]) {
          const erasures = chosen.filter((one) => one.slot === slot).map(({ record }) => redact(record));
          await log.erase(topic, slot - 1, erasures);
        }
        erased.push(...chosen.map(({ id }) => id));
        expect(idsInFiles(folder.path)).toEqual(new Set(kept.map(({ id }) => id)));
      }
      expect(erased.length).toBeGreaterThan(150);
      await log[Symbol.asyncDispose]();
      expect(idsInFiles(folder.path)).toEqual(new Set(kept.map(({ id }) => id)));
      expect(verifyLog(logFolder(folder.path)).damages).toEqual([]);
    },
  );

  test('may be more than the words, of any record and more each time', async () => {
    await using folder = await temporaryFolder();
    await using log = await openForTest(folder.path);
    await log.append(numbers(3).map((id) => recordOf(1, 'any', Buffer.from(`no words in ${id}`))));
    const left = async () => (await readAll(log, topic, 0)).map(({ value }) => Buffer.from(value).toString());
    for (const beginning of ['no words', 'no', '']) {
      await log.erase(topic, 0, [{ offset: 1, value: Buffer.from(beginning) }]);
      expect(await left()).toEqual(['no words in 0', beginning, 'no words in 2']);
    }
    await expect(log.erase(topic, 0, [{ offset: 1, value: Buffer.from('no') }])).rejects.toThrow(RangeError);
  });

  test('is not in the copies that a log begun by an earlier release has in its free space', async () => {
    await using folder = await temporaryFolder();
    const first = await openForTest(folder.path);
    await appendWords(first, numbers(500));
    await first[Symbol.asyncDispose]();
    tamper(
      folder.path,
      'PRAGMA secure_delete = OFF; DROP TABLE scrubbed; CREATE TEMP TABLE was AS SELECT * FROM log_2_0; DELETE FROM log_2_0; ' +
        'INSERT INTO log_2_0 SELECT * FROM was ORDER BY offset; PRAGMA wal_checkpoint(TRUNCATE)',
    );
    await using log = await openForTest(folder.path);
    await eraseFrom(log, 0, 400);
    expect([...idsInFiles(folder.path)].toSorted((one, other) => one - other)).toEqual(numbers(100, 400));
    expect(facts(await readAll(log, topic, 0)).slice(398, 401)).toEqual([
      'fact 398',
      'fact 399',
      'fact 400            <000400><0',
    ]);
  });

  test('is served to no reader of another thread or process', async () => {
    await using folder = await temporaryFolder();
    await using log = await openForTest(folder.path);
    await appendWords(log, numbers(50));
    await using beside = await openSqliteLog({ mode: 'read', dataDir: folder.path, wakeSignal: log.wakeSignal });
    await using elsewhere = await openSqliteLog({ mode: 'read', dataDir: folder.path });
    await Promise.all([readAll(beside, topic, 0), readAll(elsewhere, topic, 0)]);
    await eraseFrom(log, 0);
    const left = numbers(50).map((id) => `fact ${id}`);
    expect(facts(await readAll(beside, topic, 0))).toEqual(left);
    expect(facts(await readAll(elsewhere, topic, 0))).toEqual(left);
    await expect(beside.erase(topic, 0, [])).rejects.toThrow(TypeError);
  });

  test('is gone from the largest record, and its room is used again', async () => {
    await using folder = await temporaryFolder();
    await using log = await openForTest(folder.path);
    for (const id of [1, 2, 3]) {
      await appendWords(log, [id], maxRecordBytes - 1_000);
      await eraseFrom(log, id - 1);
      expect(idsInFiles(folder.path)).toEqual(new Set());
    }
    expect(readFileSync(logFiles(logFolder(folder.path)).database).length).toBeLessThan(1.5 * maxRecordBytes);
    expect(facts(await readAll(log, topic, 0))).toEqual(['fact 1', 'fact 2', 'fact 3']);
  });

  test('is not brought back by a salvage, neither from rows nor from bytes', async () => {
    await using folder = await temporaryFolder();
    const [from, to] = [join(folder.path, 'from'), join(folder.path, 'to')];
    await using log = await openForTest(from);
    await appendWords(log, numbers(200));
    await eraseFrom(log, 50);
    await log[Symbol.asyncDispose]();
    const { database } = logFiles(logFolder(from));
    const bytes = readFileSync(database);
    bytes.fill(0xff, 0, pageBytes);
    writeFileSync(database, bytes);
    await expect(openForTest(from)).rejects.toThrow(LogDamagedAtOpen);
    expect(await salvageLog(from, to)).toMatchObject({ records: 200, recovered: 200, missing: [] });
    expect([...idsInFiles(to)].toSorted((one, other) => one - other)).toEqual(numbers(50));
  });
});

function wordsBytes(below: (bound: number) => number): number {
  return [10, 200, 1_500, 5_000, 40_000][below(60) === 0 ? 4 : below(4)]! + below(100);
}

describe('an erasure', () => {
  test('answers only when no reader is left that is in the midst of what was', async () => {
    await using folder = await temporaryFolder();
    await using log = await openForTest(folder.path);
    await appendWords(log, numbers(100));
    let answered = false;
    const reader = readerInTheMidst(folder.path);
    const erasing = eraseFrom(log, 0).then(() => {
      answered = true;
    });
    while (facts(await readAll(log, topic, 0)).at(-1) !== 'fact 99') await nextTurn();
    // The log goes on meanwhile, and everything in it is erased, but for the copy that the reader reads.
    await log.append([recordOf(0, 'meanwhile', new Uint8Array())]);
    expect(idsInFiles(folder.path).size).toBe(100);
    expect(answered).toBe(false);
    reader[Symbol.dispose]();
    await erasing;
    expect(idsInFiles(folder.path)).toEqual(new Set());
  });

  test('that a reader has been in the way of for seconds is refused, and can be repeated', async () => {
    await using folder = await temporaryFolder();
    await using log = await openForTest(folder.path);
    await appendWords(log, numbers(10));
    {
      using _reader = readerInTheMidst(folder.path);
      await expect(eraseFrom(log, 0)).rejects.toThrow(LogUnavailable);
    }
    await eraseFrom(log, 0);
    expect(idsInFiles(folder.path)).toEqual(new Set());
  });

  test('names a damaged record, and leaves it to salvage', async () => {
    await using folder = await temporaryFolder();
    await using log = await openForTest(folder.path);
    await appendWords(log, numbers(3));
    const records = await readAll(log, topic, 0);
    tamper(folder.path, "UPDATE log_2_0 SET frame = CAST(replace(frame, 'fact 1', 'fact x') AS BLOB) WHERE offset = 1");
    const damaged = { name: 'LogDamaged', topic, partition: 0, offset: 1 };
    await expect(log.erase(topic, 0, records.map(redact))).rejects.toMatchObject(damaged);
    await expect(log.erase(topic, 0, [redact(records[1]!)])).rejects.toThrow(LogDamaged);
    await log.erase(topic, 0, [redact(records[2]!)]);
    expect(idsInFiles(folder.path)).toEqual(new Set([1]));
  });

  test('under way when the log closes ends with LogUnavailable, and so does one that comes later', async () => {
    await using folder = await temporaryFolder();
    await using log = await openForTest(folder.path);
    await appendWords(log, numbers(5_000));
    const records = await readAll(log, topic, 0);
    const erasing = expect(log.erase(topic, 0, records.map(redact))).rejects.toThrow(LogUnavailable);
    await log[Symbol.asyncDispose]();
    await erasing;
    await expect(log.erase(topic, 0, [])).rejects.toThrow(LogUnavailable);
    await using again = await openForTest(folder.path);
    await eraseFrom(again, 0);
    expect(idsInFiles(folder.path)).toEqual(new Set());
  });

  test('of ten thousand records takes seconds at most, and appends go on between its pieces', async () => {
    await using folder = await temporaryFolder();
    await using log = await openForTest(folder.path);
    for (const tens of numbers(10)) await appendWords(log, numbers(1_000, tens * 1_000));
    const records = await readAll(log, topic, 0);
    const begun = performance.now();
    let isDone = false;
    const erasing = log.erase(topic, 0, records.map(redact)).finally(() => {
      isDone = true;
    });
    let appends = 0;
    for (; !isDone; appends += 1) await log.append([recordOf(0, 'beside', new Uint8Array(100))]);
    await erasing;
    const elapsedMs = performance.now() - begun;
    console.info(`10,000 erasures in ${Math.round(elapsedMs)} ms, ${appends} appends one by one meanwhile`);
    expect(idsInFiles(folder.path)).toEqual(new Set());
    expect(appends).toBeGreaterThan(2);
    expect(elapsedMs).toBeLessThan(10_000);
  });
});

const script = fileURLToPath(new URL('./testing/erase-until-killed.ts', import.meta.url));

/** Runs a process that erases from the offset on, kills it once it has had this many acknowledged, and returns the offset after the last of those. */
async function eraseAndKill(dataDir: string, fromOffset: number, acknowledgements: number): Promise<number> {
  const args = [script, dataDir, String(fromOffset)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.split('\n').length > acknowledgements) child.kill('SIGKILL');
  });
  await once(child, 'close');
  expect(child.signalCode).toBe('SIGKILL');
  return Number(output.split('\n').at(-2)) + 1;
}

describe('a process killed while it erases', () => {
  test('has erased for good what was acknowledged, and leaves a log that is whole, in which erasing goes on', async () => {
    await using folder = await temporaryFolder();
    const count = 2_000;
    await using log = await openForTest(folder.path);
    await appendWords(log, numbers(count));
    await log[Symbol.asyncDispose]();
    let erased = 0;
    for (const acknowledgements of [1, 7, 40, 150, 3]) {
      erased = await eraseAndKill(folder.path, erased, acknowledgements);
      expect([...idsInFiles(folder.path)].filter((id) => id < erased)).toEqual([]);
      expect(verifyLog(logFolder(folder.path)).damages).toEqual([]);
    }
    expect(erased).toBeGreaterThan(200);
    expect(erased).toBeLessThan(count);
    await using again = await openForTest(folder.path);
    const values = (await readAll(again, topic, 0)).map(({ value }) => Buffer.from(value).toString('latin1'));
    expect(values.map((value) => value.slice(0, 20).trim())).toEqual(numbers(count).map((id) => `fact ${id}`));
    expect(values.at(-1)).toContain(`<00${count - 1}>`);
    await eraseFrom(again, 0);
    expect(idsInFiles(folder.path)).toEqual(new Set());
  });

  test('has erased for a salvage too what it had erased in the WAL', async () => {
    await using folder = await temporaryFolder();
    const [source, from, to] = ['source', 'from', 'to'].map((name) => join(folder.path, name)) as [
      string,
      string,
      string,
    ];
    await using log = await openForTest(source);
    await appendWords(log, numbers(100));
    tamper(source, 'PRAGMA wal_checkpoint(TRUNCATE)');
    const reader = readerInTheMidst(source);
    const erasing = eraseFrom(log, 0);
    while (facts(await readAll(log, topic, 0)).at(-1) !== 'fact 99') await nextTurn();
    await log.append([recordOf(0, 'acknowledged', new Uint8Array())]);
    cpSync(source, from, { recursive: true });
    reader[Symbol.dispose]();
    await erasing;
    // As if power had failed then: what SQLite still shows is the database, without the WAL.
    const { wal } = logFiles(logFolder(from));
    const bytes = readFileSync(wal);
    bytes.writeUInt8(bytes.readUInt8(walHeaderBytes + 8) ^ 1, walHeaderBytes + 8);
    writeFileSync(wal, bytes);
    await expect(openForTest(from)).rejects.toThrow('although the witness has seen them');
    expect(await salvageLog(from, to)).toMatchObject({ records: 101, recovered: 1, missing: [] });
    expect(idsInFiles(to)).toEqual(new Set());
  });
});
