import { describe, expect, test } from '@jest/globals';
import { type EventLog, type LogRecord, LogUnavailable, type NewRecord } from '../../../ports/event-log.ts';
import { MemoryLogServer } from './memory-log.ts';

const topics = { talk: 2, lines: 1 };

function record(topic: string, partition: number, value = 'a'): NewRecord {
  return { topic, partition, key: 'k', headers: {}, value: new TextEncoder().encode(value) };
}

async function timesOf(log: EventLog, ...records: readonly NewRecord[]): Promise<number[]> {
  return (await log.append(records)).map(({ timeMs }) => timeMs);
}

describe('the log in memory: time', () => {
  test('is that of the server when it takes the record, and steps back with it', async () => {
    let nowMs = 1_000;
    const log = new MemoryLogServer(topics, () => nowMs).handle();
    expect(await timesOf(log, record('talk', 0))).toEqual([1_000]);
    nowMs = 900;
    expect(await timesOf(log, record('talk', 0), record('talk', 1), record('lines', 0))).toEqual([900, 900, 900]);
  });

  test('is each leader’s own where told', async () => {
    const server = new MemoryLogServer(topics, () => 1_000);
    server.timeOf = (_topic, partition) => 1_000 - 100 * partition;
    expect(await timesOf(server.handle(), record('talk', 0), record('talk', 1))).toEqual([1_000, 900]);
  });
});

describe('the log in memory: handles', () => {
  test('share records and positions; what one appends wakes the tails of the others', async () => {
    const server = new MemoryLogServer(topics, () => 1_000);
    const [one, other] = [server.handle(), server.handle()];
    const next = other.tail('talk', 0, 0, new AbortController().signal)[Symbol.asyncIterator]().next();
    await one.append([record('talk', 0)]);
    expect((await next).value).toEqual(server.records('talk', 0));
    await one.commit('group', 'talk', 0, 1);
    expect(await other.committed('group', 'talk', 0)).toBe(1);
  });

  test('disposed end their own tails with LogUnavailable, reject, and leave the others alone', async () => {
    const server = new MemoryLogServer(topics, () => 1_000);
    const [one, other] = [server.handle(), server.handle()];
    const signal = new AbortController().signal;
    const ended = one.tail('talk', 0, 0, signal)[Symbol.asyncIterator]().next();
    const going = other.tail('talk', 0, 0, signal)[Symbol.asyncIterator]().next();
    expect(server.waitingTails).toBe(2);
    await one[Symbol.asyncDispose]();
    await expect(ended).rejects.toThrow(LogUnavailable);
    await expect(one.append([record('talk', 0)])).rejects.toThrow(LogUnavailable);
    await other.append([record('talk', 0)]);
    expect((await going).value).toHaveLength(1);
    expect(server.waitingTails).toBe(0);
  });

  test('an aborted tail leaves no listener behind', async () => {
    const server = new MemoryLogServer(topics, () => 1_000);
    const stop = new AbortController();
    const waiting = server.handle().tail('talk', 0, 0, stop.signal)[Symbol.asyncIterator]().next();
    expect(server.waitingTails).toBe(1);
    stop.abort();
    expect((await waiting).done).toBe(true);
    expect(server.waitingTails).toBe(0);
  });
});

describe('the log in memory: the server', () => {
  test('tells of each append with its records, until that is stopped', async () => {
    const server = new MemoryLogServer(topics, () => 1_000);
    const told: (readonly LogRecord[])[] = [];
    const stop = server.onAppend((records) => told.push(records));
    await server.handle().append([record('talk', 0), record('lines', 0)]);
    stop();
    await server.handle().append([record('talk', 0)]);
    expect(told).toEqual([[...server.records('talk', 0).slice(0, 1), ...server.records('lines', 0)]]);
  });

  test('truncated, gives offsets again, and rejects a tail that was further on', async () => {
    const server = new MemoryLogServer(topics, () => 1_000);
    const log = server.handle();
    await log.append(['a', 'b', 'c'].map((value) => record('talk', 0, value)));
    const next = log.tail('talk', 0, 3, new AbortController().signal)[Symbol.asyncIterator]().next();
    server.truncate('talk', 0, 1);
    await expect(next).rejects.toMatchObject({ name: 'LogTruncated', offset: 3, endOffset: 1 });
    expect(await log.endOffset('talk', 0)).toBe(1);
    const [place] = await log.append([record('talk', 0, 'd')]);
    expect(place?.offset).toBe(1);
  });

  test('keeps nothing that its writer may change afterwards', async () => {
    const server = new MemoryLogServer(topics, () => 1_000);
    const given = { ...record('talk', 0, 'abc'), headers: { ce_id: '1' } };
    await server.handle().append([given]);
    given.value.fill(0);
    given.headers.ce_id = '2';
    const [stored] = server.records('talk', 0);
    expect([new TextDecoder().decode(stored?.value), stored?.headers]).toEqual(['abc', { ce_id: '1' }]);
  });
});
