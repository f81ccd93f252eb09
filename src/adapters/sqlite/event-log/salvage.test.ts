import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { DataDirLocked, LogDamagedAtOpen, LogNotFound } from './errors.ts';
import { lostRecordType } from './frame.ts';
import { pageBytes } from './limits.ts';
import type { SalvageProgress } from './salvage.ts';
import { salvageLog } from './salvage.ts';
import { logFiles, logFolder } from './schema.ts';
import { openForTest, readAll, recordOf, tamper, temporaryFolder, testTopics } from './testing/logs.ts';

/** A closed log with these values in conversations/0, under keys 0, 1, … */
async function logOf(dataDir: string, values: readonly Uint8Array[]): Promise<void> {
  const log = await openForTest(dataDir);
  await log.append(values.map((value, index) => recordOf(1, String(index), value)));
  await log[Symbol.asyncDispose]();
}

function values(count: number, bytes: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => new Uint8Array(bytes).fill(index));
}

describe('salvage', () => {
  test('keeps offsets and times, marks what is lost, and the new log can be read across and goes on', async () => {
    await using folder = await temporaryFolder();
    const [from, to] = [join(folder.path, 'from'), join(folder.path, 'to')];
    await logOf(from, values(6, 10));
    tamper(from, 'PRAGMA secure_delete = ON; DELETE FROM log_2_0 WHERE offset IN (2, 3, 5)');
    await expect(openForTest(from)).rejects.toThrow(LogDamagedAtOpen);
    const progress: SalvageProgress[] = [];
    const report = await salvageLog(from, to, { onProgress: (step) => progress.push(step) });
    const lost = { topic: 'conversations', partition: 0, what: 'lost' };
    expect(report.missing).toEqual([
      { ...lost, firstOffset: 2, lastOffset: 3 },
      { ...lost, firstOffset: 5, lastOffset: 5 },
    ]);
    expect(report.records).toBe(3);
    expect(progress.some(({ step, done, total }) => step === 'searching bytes' && done === total)).toBe(true);

    await using log = await openForTest(to);
    const records = await readAll(log, 'conversations', 0);
    const type = (index: number) => records[index]?.headers['ce_type'];
    expect(records.map(({ offset, key }) => [offset, key])).toEqual([
      [0, '0'],
      [1, '1'],
      [2, ''],
      [3, ''],
      [4, '4'],
      [5, ''],
    ]);
    expect([type(1), type(2), type(5)]).toEqual(['chat_events.v1.MessageReceived', lostRecordType, lostRecordType]);
    const times = records.map(({ timeMs }) => timeMs);
    expect(times).toEqual(times.toSorted((one, other) => one - other));
    const [next] = await log.append([recordOf(1, 'next', new Uint8Array())]);
    expect(next?.offset).toBe(6);
  });

  test('finds records in the bytes when the tree that led to them is gone, long ones too', async () => {
    await using folder = await temporaryFolder();
    const [from, to] = [join(folder.path, 'from'), join(folder.path, 'to')];
    const given = [...values(40, 300), ...values(3, 50_000)];
    await logOf(from, given);
    const { database } = logFiles(logFolder(from));
    const bytes = readFileSync(database);
    // The header and the schema: SQLite can open nothing of this.
    bytes.fill(0xff, 0, pageBytes);
    writeFileSync(database, bytes);
    await expect(openForTest(from)).rejects.toThrow(LogDamagedAtOpen);
    expect(await salvageLog(from, to)).toMatchObject({ records: 43, recovered: 43, missing: [] });
    await using log = await openForTest(to);
    const found = await readAll(log, 'conversations', 0);
    expect(found.every(({ value }, index) => Buffer.from(value).equals(given[index]!))).toBe(true);
  });

  test('takes the topics as configured when nothing else tells them', async () => {
    await using folder = await temporaryFolder();
    const [from, to] = [join(folder.path, 'from'), join(folder.path, 'to')];
    await logOf(from, values(3, 10));
    const { database, head } = logFiles(logFolder(from));
    rmSync(head);
    const bytes = readFileSync(database);
    bytes.fill(0xff, 0, pageBytes);
    writeFileSync(database, bytes);
    expect(await salvageLog(from, to, { topics: testTopics })).toMatchObject({ records: 3, missing: [] });
  });

  test('refuses a folder without a log, one in use, and a target that has a log', async () => {
    await using folder = await temporaryFolder();
    const [from, to] = [join(folder.path, 'from'), join(folder.path, 'to')];
    await expect(salvageLog(from, to)).rejects.toThrow(LogNotFound);
    const log = await openForTest(from);
    await expect(salvageLog(from, to)).rejects.toThrow(DataDirLocked);
    await log[Symbol.asyncDispose]();
    await logOf(to, []);
    await expect(salvageLog(from, to)).rejects.toThrow('has a log already');
  });
});
