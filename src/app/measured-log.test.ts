import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openSqliteLog, type WritableSqliteLog } from '../adapters/sqlite/event-log/sqlite-log.ts';
import { LogTruncated } from '../ports/event-log.ts';
import { FaultyLog } from '../testing/faulty-log.ts';
import { StandingClock } from '../testing/standing-clock.ts';
import { measuredLog } from './measured-log.ts';

const record = { topic: 'events', partition: 1, key: 'k', headers: { name: 'value' }, value: new Uint8Array([1, 2]) };

let folder: string;
let log: WritableSqliteLog;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-log-'));
  log = await openSqliteLog({ mode: 'write', dataDir: folder, topics: { events: 2 } });
});

afterEach(async () => {
  await log[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const noMetrics = { appended() {}, logTimeAhead() {}, logTimeSteppedBack() {}, logTruncated() {}, logUnavailable() {} };

test('the metrics are told how far the log’s clock is off, and when it was set back', async () => {
  const clock = new StandingClock();
  const told: (number | 'stepped back')[] = [];
  const metrics = {
    ...noMetrics,
    logTimeAhead: (ms: number) => told.push(ms),
    logTimeSteppedBack: () => told.push('stepped back'),
  };
  let offMs = 0;
  const timed = new FaultyLog(log);
  timed.append = async () => {
    clock.advance(20);
    return [{ topic: 'events', partition: 1, offset: 0, timeMs: clock.nowMs() - 10 + offMs }];
  };
  const measured = measuredLog(timed, metrics, clock);
  for (offMs of [0, 604_800_000, 0, -30_000]) await measured.append([record]);
  expect(told).toEqual([0, 604_799_990, 'stepped back', 0, 'stepped back', -29_990]);
});

test('the metrics are told of a log that ends before what was read of it', async () => {
  let truncated = 0;
  const measured = measuredLog(log, { ...noMetrics, logTruncated: () => (truncated += 1) }, new StandingClock());
  const reading = measured.tail('events', 1, 7, new AbortController().signal)[Symbol.asyncIterator]();
  await expect(reading.next()).rejects.toBeInstanceOf(LogTruncated);
  expect(truncated).toBe(1);
});

test('the metrics are told how long an append took, and of those that the log did not answer', async () => {
  const clock = new StandingClock();
  const told: (number | 'unavailable')[] = [];
  const metrics = {
    ...noMetrics,
    appended: (ms: number) => told.push(ms),
    logUnavailable: () => told.push('unavailable'),
  };
  const faulty = new FaultyLog(log);
  const measured = measuredLog(faulty, metrics, clock);
  const appending = measured.append([record]);
  clock.advance(7);
  await appending;
  faulty.appendFault = () => 'refused';
  await expect(measured.append([record])).rejects.toThrow('refused by the test');
  expect(told).toEqual([7, 'unavailable']);
});

test('all else is the log’s', async () => {
  const measured = measuredLog(log, noMetrics, new StandingClock());
  expect(measured.partitions('events')).toBe(2);
  const [appended] = await measured.append([{ ...record, contentOffset: 1 }]);
  expect(appended).toMatchObject({ topic: 'events', partition: 1, offset: 0 });
  expect(await measured.endOffset('events', 1)).toBe(1);
  await measured.commit('group', 'events', 1, 1);
  expect(await measured.committed('group', 'events', 1)).toBe(1);
  await measured.erase('events', 1, [{ offset: 0, value: record.value.subarray(0, 1) }]);
  const expected = { ...record, value: new Uint8Array([1]), offset: 0 };
  expect(await measured.read('events', 1, 0, 10)).toMatchObject([expected]);
  const over = new AbortController();
  for await (const batch of measured.tail('events', 1, 0, over.signal)) {
    expect(batch).toMatchObject([expected]);
    over.abort();
  }
  await measured[Symbol.asyncDispose]();
  await expect(log.append([record])).rejects.toThrow();
});
