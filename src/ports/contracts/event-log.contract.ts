import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Erasure, type EventLog, type LogRecord, LogTruncated, type NewRecord } from '../event-log.ts';

/** A log to test, with one topic that nothing has been appended to. */
export interface LogUnderTest extends AsyncDisposable {
  readonly log: EventLog;
  readonly topic: string;
  /** Closes the log and opens it again on what it stored. `log` of this object is closed by then. */
  reopen(): Promise<EventLog>;
}

/** Makes a log whose fresh topic has this many partitions. */
export type OpenLog = (partitions: number) => Promise<LogUnderTest>;

/** That of the test that runs. */
let opened: LogUnderTest;
let log: EventLog;
let topic: string;

const partitions = 3;
const mebibyte = 1_024 * 1_024;
const text = new TextEncoder();

function record(topic: string, partition: number, content: string): NewRecord {
  const headers = { ce_specversion: '1.0', ce_id: `id-${content}`, ce_type: 'test.Happened' };
  return { topic, partition, key: `key-${content}`, headers, value: text.encode(content) };
}

function contents(records: readonly Pick<LogRecord, 'value'>[]): string[] {
  return records.map(({ value }) => new TextDecoder().decode(value));
}

function numbers(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

async function readAll(log: EventLog, topic: string, partition: number): Promise<LogRecord[]> {
  const found: LogRecord[] = [];
  for (;;) {
    const batch = await log.read(topic, partition, found.length, 100);
    if (batch.length === 0) return found;
    found.push(...batch);
  }
}

/** Tails until it has this many records, then aborts. Resolves when the tail has ended. */
async function tailUntil(
  log: EventLog,
  topic: string,
  partition: number,
  fromOffset: number,
  count: number,
): Promise<LogRecord[]> {
  const stop = new AbortController();
  const found: LogRecord[] = [];
  if (count === 0) return found;
  for await (const batch of log.tail(topic, partition, fromOffset, stop.signal)) {
    found.push(...batch);
    if (found.length >= count) stop.abort();
  }
  return found;
}

async function appendInTurn(log: EventLog, topic: string, partition: number, count: number, from = 0): Promise<void> {
  for (const number of numbers(count, from)) await log.append([record(topic, partition, String(number))]);
}

/** What every event log must do, whatever it is made of. */
export function eventLogContract(name: string, open: OpenLog): void {
  describe(`event log: ${name}`, () => {
    beforeEach(async () => {
      opened = await open(partitions);
      ({ log, topic } = opened);
    });
    afterEach(async () => {
      await opened[Symbol.asyncDispose]();
    });

    appending();
    reading();
    tailing();
    erasing();
    positions();
  });
}

function appending(): void {
  test('answers with the place of each record, counted from 0 in each partition', async () => {
    const appended = await log.append([record(topic, 0, 'a'), record(topic, 1, 'b'), record(topic, 0, 'c')]);
    expect(appended.map(({ partition, offset }) => [partition, offset])).toEqual([
      [0, 0],
      [1, 0],
      [0, 1],
    ]);
    expect(appended.every((place) => place.topic === topic && place.timeMs > 0)).toBe(true);
    expect(contents(await readAll(log, topic, 0))).toEqual(['a', 'c']);
    expect(contents(await readAll(log, topic, 1))).toEqual(['b']);
  });

  test('gives back everything a record was appended with', async () => {
    const headers = { ce_id: '1', ce_type: 'test.Ünïcode', 'content-type': '', 'x-other': '値' };
    const given: NewRecord = { topic, partition: 2, key: 'ключ', headers, value: Uint8Array.from(numbers(256)) };
    const [place] = await log.append([given]);
    const [found] = await log.read(topic, 2, 0, 1);
    expect({ ...found, value: [...(found?.value ?? [])] }).toEqual({ ...given, ...place, value: [...given.value] });
  });

  test('keeps the order of calls made without waiting, and each call in one piece', async () => {
    const calls = numbers(200).map((call) =>
      log.append(['a', 'b', 'c'].map((part) => record(topic, 1, `${call}${part}`))),
    );
    const places = (await Promise.all(calls)).flat();
    expect(places.map(({ offset }) => offset)).toEqual(numbers(600));
    expect(contents(await readAll(log, topic, 1))).toEqual(
      numbers(200).flatMap((call) => [`${call}a`, `${call}b`, `${call}c`]),
    );
  });

  test('leaves no gap when many append at once to all partitions', async () => {
    const appender = async (who: number) => {
      for (const number of numbers(20))
        await log.append([record(topic, (who + number) % partitions, `${who}-${number}`)]);
    };
    await Promise.all(numbers(30).map(appender));
    const found = await Promise.all(numbers(partitions).map((partition) => readAll(log, topic, partition)));
    for (const records of found) expect(records.map(({ offset }) => offset)).toEqual(numbers(records.length));
    expect(new Set(found.flatMap(contents)).size).toBe(600);
  });

  test('takes nothing of a call that names a partition that does not exist', async () => {
    await expect(log.append([record(topic, 0, 'a'), record(topic, partitions, 'b')])).rejects.toThrow();
    await expect(log.append([record(topic, 0, 'a'), record(`${topic}-no`, 0, 'b')])).rejects.toThrow();
    await log.append([record(topic, 0, 'after')]);
    expect(contents(await readAll(log, topic, 0))).toEqual(['after']);
  });

  test('answers an append of nothing with nothing', async () => {
    expect(await log.append([])).toEqual([]);
    expect(await log.endOffset(topic, 0)).toBe(0);
  });

  test('takes a record of one mebibyte', async () => {
    const value = Uint8Array.from({ length: mebibyte }, (_, index) => (index * 31) % 251);
    await log.append([{ ...record(topic, 0, ''), value }]);
    const [found] = await log.read(topic, 0, 0, 1);
    expect(Buffer.from(found?.value ?? []).equals(value)).toBe(true);
  });

  test('gives each record the time that its append was answered with', async () => {
    const places = await Promise.all(numbers(100).map((number) => log.append([record(topic, 0, String(number))])));
    const again = await opened.reopen();
    const timesOf = (records: readonly { readonly timeMs: number }[]) => records.map(({ timeMs }) => timeMs);
    expect(timesOf(await readAll(again, topic, 0))).toEqual(timesOf(places.flat()));
  });

  test('still has everything after it was closed and opened again, and goes on from there', async () => {
    const places = await log.append(numbers(50).map((number) => record(topic, number % partitions, String(number))));
    const again = await opened.reopen();
    const found = (await Promise.all(numbers(partitions).map((partition) => readAll(again, topic, partition)))).flat();
    const place = ({ partition, offset, timeMs }: { partition: number; offset: number; timeMs: number }) =>
      `${partition} ${offset} ${timeMs}`;
    expect(found.map(place).sort()).toEqual(places.map(place).sort());
    const [next] = await again.append([record(topic, 0, 'next')]);
    expect(next?.offset).toBe(17);
  });
}

function reading(): void {
  test('knows the partitions of its topics, and refuses others', async () => {
    expect(log.partitions(topic)).toBe(partitions);
    expect(log.partitions(`${topic}-no`)).toBe(0);
    await expect(log.read(`${topic}-no`, 0, 0, 1)).rejects.toThrow();
    await expect(log.read(topic, partitions, 0, 1)).rejects.toThrow();
  });

  test('reads from any offset, no more than asked for, and nothing at the end', async () => {
    await log.append(numbers(1_000).map((number) => record(topic, 0, String(number))));
    expect(contents(await log.read(topic, 0, 0, 1_000))).toEqual(numbers(1_000).map(String));
    expect(contents(await log.read(topic, 0, 997, 2))).toEqual(['997', '998']);
    expect(contents(await log.read(topic, 0, 998, 10))).toEqual(['998', '999']);
    expect(await log.read(topic, 0, 1_000, 10)).toEqual([]);
    expect(await log.read(topic, 0, 5_000, 10)).toEqual([]);
    expect(await log.read(topic, 1, 0, 10)).toEqual([]);
  });

  test('knows the end of each partition', async () => {
    await log.append([record(topic, 1, 'a'), record(topic, 1, 'b')]);
    expect(await Promise.all(numbers(partitions).map((partition) => log.endOffset(topic, partition)))).toEqual([
      0, 2, 0,
    ]);
  });
}

function tailing(): void {
  test.each([0, 1, 149, 299, 300])(
    'tails from offset %i: what is there, then what comes, without hole or repeat',
    async (from) => {
      await log.append(numbers(300).map((number) => record(topic, 0, String(number))));
      const tail = tailUntil(log, topic, 0, from, 600 - from);
      await appendInTurn(log, topic, 0, 300, 300);
      const found = await tail;
      expect(found.map(({ offset }) => offset)).toEqual(numbers(600 - from, from));
      expect(contents(found)).toEqual(numbers(600 - from, from).map(String));
    },
  );

  test('tails what an earlier opening stored', async () => {
    await log.append(numbers(700).map((number) => record(topic, 0, String(number))));
    const again = await opened.reopen();
    const tail = tailUntil(again, topic, 0, 0, 710);
    await appendInTurn(again, topic, 0, 10, 700);
    expect(contents(await tail)).toEqual(numbers(710).map(String));
  });

  test('serves many tails of one partition at once', async () => {
    await Promise.all(numbers(90).map((number) => log.append([record(topic, 0, String(number))])));
    const tails = numbers(10).map((from) => tailUntil(log, topic, 0, from * 10, 200 - from * 10));
    await Promise.all(numbers(110, 90).map((number) => log.append([record(topic, 0, String(number))])));
    const found = await Promise.all(tails);
    for (const [tail, records] of found.entries()) {
      expect(records.map(({ offset }) => offset)).toEqual(numbers(200 - tail * 10, tail * 10));
    }
  });

  test('waits for a slow reader of a tail and leaves nothing out', async () => {
    const stop = new AbortController();
    const found: LogRecord[] = [];
    let appended = 0;
    for await (const batch of appendedFirst(log, topic, stop.signal)) {
      found.push(...batch);
      // Each turn of the reader, the log grows further than what it was given.
      if (appended < 20) await appendInTurn(log, topic, 0, 7, 1 + 7 * appended++);
      if (found.length === 141) stop.abort();
    }
    expect(contents(found)).toEqual(numbers(141).map(String));
  });

  test('rejects a tail from beyond the end, and one from the end waits', async () => {
    await appendInTurn(log, topic, 0, 3);
    const error: unknown = await tailUntil(log, topic, 0, 5, 1).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LogTruncated);
    expect(error).toMatchObject({ topic, partition: 0, offset: 5, endOffset: 3 });
    const waiting = tailUntil(log, topic, 0, 3, 1);
    await appendInTurn(log, topic, 0, 1, 3);
    expect(contents(await waiting)).toEqual(['3']);
  });

  test('ends a tail without error when its signal aborts, while it waits and before it begins', async () => {
    const stop = new AbortController();
    const waiting = log.tail(topic, 0, 0, stop.signal)[Symbol.asyncIterator]().next();
    stop.abort();
    expect((await waiting).done).toBe(true);
    expect((await log.tail(topic, 0, 0, stop.signal)[Symbol.asyncIterator]().next()).done).toBe(true);
  });
}

/** Where the words of `fact 1, words 11` begin. */
const factLength = 6;

/** What is to remain of these records: what comes before their words. */
function erasuresOf(contentsByOffset: Iterable<readonly [number, string]>): Erasure[] {
  return Array.from(contentsByOffset, ([offset, content]) => ({
    offset,
    value: text.encode(content.slice(0, factLength)),
  }));
}

function erasing(): void {
  const said = numbers(40).map((number) => `fact ${number % 10}, words ${number}`);
  const erased = (offset: number) => offset % 3 === 0;
  const left = said.map((content, offset) => (erased(offset) ? content.slice(0, factLength) : content));
  const erasures = erasuresOf([...said.entries()].filter(([offset]) => erased(offset)));

  /** A fresh log whose partition 1 holds what was said, as it was appended. */
  async function filled(log: EventLog, topic: string): Promise<readonly LogRecord[]> {
    const both = (content: string) => [record(topic, 1, content), record(topic, 2, content)];
    await log.append(
      said.flatMap(both).map((one) => ({ ...one, contentOffset: factLength, says: contents([one])[0] })),
    );
    return readAll(log, topic, 1);
  }

  test('takes the words of records away, and leaves all else of these records and all of the others', async () => {
    const before = await filled(log, topic);
    expect(contents(before)).toEqual(said);
    await log.erase(topic, 1, erasures);
    const after = await readAll(log, topic, 1);
    expect(contents(after)).toEqual(left);
    const withoutValue = ({ value: _value, says: _says, ...place }: LogRecord) => place;
    expect(after.map(withoutValue)).toEqual(before.map(withoutValue));
    expect(contents(await readAll(log, topic, 2))).toEqual(said);
    expect(await log.endOffset(topic, 1)).toBe(said.length);
    const again = await opened.reopen();
    expect(contents(await readAll(again, topic, 1))).toEqual(left);
    expect((await readAll(again, topic, 1)).map(withoutValue)).toEqual(before.map(withoutValue));
  });

  test('gives no reader what was erased, whether it comes from memory or from storage, and whenever it was stored', async () => {
    await filled(log, topic);
    await log.erase(topic, 1, erasures);
    const tailed = await tailUntil(log, topic, 1, 0, said.length);
    expect(contents(tailed)).toEqual(left);
    expect(tailed.filter(({ says }, offset) => says !== undefined && says !== left[offset])).toEqual([]);
    const again = await opened.reopen();
    expect(contents(await tailUntil(again, topic, 1, 0, said.length))).toEqual(left);
    await again.erase(topic, 1, erasuresOf(left.entries()));
    expect(contents(await tailUntil(again, topic, 1, 0, said.length))).toEqual(
      said.map((content) => content.slice(0, factLength)),
    );
  });

  test('changes nothing when the same is erased again, whole or in part', async () => {
    await filled(log, topic);
    await log.erase(topic, 1, erasures.slice(0, 3));
    await log.erase(topic, 1, erasures);
    await log.erase(topic, 1, erasures);
    await log.erase(topic, 1, []);
    const again = await opened.reopen();
    await again.erase(topic, 1, erasures);
    expect(contents(await readAll(again, topic, 1))).toEqual(left);
  });

  test('takes words for a key whose words were erased, and erases the words of a key wherever they are named', async () => {
    const say = (content: string) =>
      log.append([{ ...record(topic, 1, content), key: 'one', contentOffset: factLength }]);
    for (const content of said.slice(0, 3)) await say(content);
    await log.erase(topic, 1, erasuresOf([...said.entries()].slice(0, 3)));
    await say('fact 3, said later');
    const facts = ['fact 0', 'fact 1', 'fact 2'];
    expect(contents(await readAll(log, topic, 1))).toEqual([...facts, 'fact 3, said later']);
    const again = await opened.reopen();
    await again.append([{ ...record(topic, 1, 'fact 4, by another'), key: 'one', contentOffset: factLength }]);
    expect(contents(await readAll(again, topic, 1))).toEqual([...facts, 'fact 3, said later', 'fact 4, by another']);
    await again.erase(
      topic,
      1,
      erasuresOf([
        [3, 'fact 3'],
        [4, 'fact 4'],
      ]),
    );
    expect(contents(await readAll(again, topic, 1))).toEqual([...facts, 'fact 3', 'fact 4']);
  });

  test('erases beside appends and tails, all of one value and none of it, small and large', async () => {
    const large = numbers(20).map((number) => text.encode(`${number} `.repeat(number * 5_000)));
    const lengths = large.map(({ length }, number) =>
      Math.min(length, [length, 0, 1, 4_000, 100_000][number % 5] ?? 0),
    );
    const records = large.map((value, number) => ({
      ...record(topic, 0, String(number)),
      value,
      contentOffset: lengths[number]!,
    }));
    const places = await log.append(records);
    const tail = tailUntil(log, topic, 0, 20, 200);
    const appending = Promise.all(numbers(200).map((number) => log.append([record(topic, 0, String(number))])));
    const remains = places.map(({ offset }, number) => ({ offset, value: large[number]!.slice(0, lengths[number]) }));
    await Promise.all(remains.map((erasure) => log.erase(topic, 0, [erasure])));
    await appending;
    expect(contents(await tail)).toEqual(numbers(200).map(String));
    const found = await readAll(log, topic, 0);
    expect(contents(found.slice(0, 20))).toEqual(remains.map(({ value }) => new TextDecoder().decode(value)));
    expect(contents(found.slice(20))).toEqual(numbers(200).map(String));
  });

  test('refuses an offset without a record and a value that is no beginning, and leaves that record as it is', async () => {
    await filled(log, topic);
    const refused = [
      { offset: said.length, value: text.encode('fact 0') },
      { offset: -1, value: text.encode('fact 0') },
      { offset: 0.5, value: text.encode('fact 0') },
      { offset: 1, value: text.encode('words') },
      { offset: 1, value: text.encode(`${said[1]} and more`) },
    ];
    for (const erasure of refused) await expect(log.erase(topic, 1, [erasure])).rejects.toThrow(RangeError);
    await expect(log.erase(topic, partitions, [])).rejects.toThrow();
    expect(contents(await readAll(log, topic, 1))).toEqual(said);
  });
}

async function* appendedFirst(log: EventLog, topic: string, signal: AbortSignal): AsyncIterable<readonly LogRecord[]> {
  await log.append([record(topic, 0, '0')]);
  yield* log.tail(topic, 0, 0, signal);
}

function positions(): void {
  test('keeps a position for each group and partition, 0 at first', async () => {
    await log.append(numbers(10).map((number) => record(topic, number % 2, String(number))));
    await log.commit('one', topic, 0, 3);
    await log.commit('one', topic, 1, 5);
    await log.commit('two', topic, 0, 2);
    await log.commit('one', topic, 0, 4);
    expect(await log.committed('one', topic, 0)).toBe(4);
    const again = await opened.reopen();
    const kept = [
      await again.committed('one', topic, 0),
      await again.committed('one', topic, 1),
      await again.committed('two', topic, 0),
      await again.committed('two', topic, 1),
      await again.committed('three', topic, 0),
    ];
    expect(kept).toEqual([4, 5, 2, 0, 0]);
  });
}
