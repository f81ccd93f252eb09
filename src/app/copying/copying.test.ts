import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Account } from '../../ports/account-store.ts';
import type { LogRecord } from '../../ports/event-log.ts';
import type { MediaObject, StoredMedia } from '../../ports/media-store.ts';
import { messageReceived, replyProgress } from '../../testing/conversation-events.ts';
import { eventCodec } from '../../testing/event-codec.ts';
import { Journal } from '../journal.ts';
import { copyAccounts } from './copy-accounts.ts';
import { compareLogs, copyPositions, copyRecords, findBeginning, NotThisLog, type TimedRecord } from './copy-log.ts';
import { copyMedia } from './copy-media.ts';
import { PlainLog } from './testing/plain-log.ts';

const topics = { 'test.connections': 1, 'test.conversations': 3 };
const day = 24 * 60 * 60 * 1_000;
const topic = 'test.conversations';

let log: PlainLog;
let source: Journal;
let target: PlainLog;
beforeEach(() => {
  log = new PlainLog(topics);
  source = new Journal(log, eventCodec, 'test');
  target = new PlainLog(topics);
  for (let index = 0; index < 50; index += 1) log.put(record(index % 3, index));
  log.put({ ...record(0, 50), topic: 'test.connections', key: '' });
});

function record(partition: number, index: number): TimedRecord {
  const { headers, value } = eventCodec.encode(messageReceived(`c${index}/m`));
  return { topic, partition, key: `c${index}`, headers, value, timeMs: 1_000 + 10 * index };
}

const copy = async () => copyRecords({ source, target }, target, await findBeginning({ source, target }));
const differences = async () => (await compareLogs({ source, target })).map(({ what }) => what);

describe('copying a log', () => {
  test('gives every record the place and the time that it had, and tells how far it is', async () => {
    const steps: [number, number][] = [];
    const onProgress = (done: number, total: number) => steps.push([done, total]);
    await copyRecords({ source, target, onProgress }, target, await findBeginning({ source, target }));
    expect(target.records).toEqual(log.records);
    expect(steps.at(-1)).toEqual([51, 51]);
    expect(await differences()).toEqual([]);
  });

  test('goes on where it stopped', async () => {
    for (const stored of log.at(topic, 1).slice(0, 7)) target.put(stored);
    expect(await findBeginning({ source, target })).toEqual([0, 0, 7, 0]);
    await copy();
    expect(target.records).toEqual(log.records);
    target.appends.length = 0;
    await copy();
    expect(target.appends).toEqual([]);
  });

  test('says which words must be erasable, and nothing of words that are gone', async () => {
    const progress = eventCodec.encode(replyProgress('c60/m', 'claim', { offsetBytes: 7, text: 'so far' }));
    const written = [record(0, 60), { ...record(0, 60), ...progress }];
    const facts = written.map((whole) => eventCodec.redact(whole) ?? new Uint8Array());
    for (const [index, whole] of written.entries()) {
      log.put(whole);
      log.put({ ...whole, value: facts[index] ?? new Uint8Array() });
    }
    const appended: TimedRecord[] = [];
    const watching = Object.assign(new PlainLog(topics), {
      append: async (records: readonly TimedRecord[]) => {
        appended.push(...records);
        return target.append(records);
      },
    });
    await copyRecords({ source, target }, watching, await findBeginning({ source, target }));
    const copied = appended.filter(({ key }) => key === 'c60');
    expect(copied.map(({ contentOffset }) => contentOffset)).toEqual(
      facts.flatMap(({ length }) => [length, undefined]),
    );
    expect(Math.min(...facts.map(({ length }) => length))).toBeGreaterThan(0);
  });

  test('sends neither too many bytes at once nor times that are too far apart', async () => {
    const large = new Uint8Array(600 * 1_024);
    for (let index = 0; index < 4; index += 1) log.put({ ...record(0, 100 + index), value: large });
    log.put({ ...record(0, 200), timeMs: 30 * day });
    log.put({ ...record(0, 201), timeMs: 60 * day });
    const before = log.at(topic, 0).length - 6;
    await copy();
    expect(target.appends.toSorted((one, other) => other - one).slice(0, 4)).toEqual([
      before + 1,
      before,
      before - 1,
      1,
    ]);
    expect(target.appends.filter((count) => count === 1)).toHaveLength(6);
    expect(target.records).toEqual(log.records);
  });

  test('sends times that are too far apart in calls of their own, also where they step back', async () => {
    log.put({ ...record(0, 200), timeMs: 60 * day });
    log.put({ ...record(0, 201), timeMs: 1 * day });
    log.put({ ...record(0, 202), timeMs: 1 * day });
    const before = log.at(topic, 0).length - 3;
    await copy();
    expect(target.appends).toEqual(expect.arrayContaining([before, 1, 2]));
    expect(target.records).toEqual(log.records);
  });

  test('is refused where there is something else', async () => {
    target.put(record(1, 99));
    await expect(findBeginning({ source, target })).rejects.toThrow(/test.conversations\/1 .* offset 0, time/);
    target = new PlainLog(topics);
    for (const stored of [...log.at(topic, 2), record(2, 99)]) target.put(stored);
    await expect(findBeginning({ source, target })).rejects.toThrow(NotThisLog);
    target = new PlainLog({ ...topics, [topic]: 4 });
    await expect(findBeginning({ source, target })).rejects.toThrow(/3 partitions, and 4/);
  });

  test('ends as soon as somebody else writes to the target, or times are not kept', async () => {
    target.beforeAppend = () => {
      target.put(record(2, 99));
      target.beforeAppend = () => undefined;
    };
    await expect(copy()).rejects.toThrow(/somebody else writes/);
    target = new PlainLog(topics);
    const late = Object.assign(new PlainLog(topics), {
      append: (records: readonly TimedRecord[]) => target.append(records.map((given) => ({ ...given, timeMs: 5 }))),
    });
    await expect(copyRecords({ source, target }, late, [0, 0, 0, 0])).rejects.toThrow(/another time/);
  });

  test('copies positions', async () => {
    await log.commit('workers', topic, 2, 11);
    expect(await copyPositions({ source, target }, 'workers')).toBe(1);
    expect(await target.committed('workers', topic, 2)).toBe(11);
  });
});

describe('comparing logs', () => {
  const damages: readonly (readonly [string, (stored: LogRecord) => Partial<LogRecord>])[] = [
    ['time 1120 and 1121', ({ timeMs }) => ({ timeMs: timeMs + 1 })],
    ['its keys differ', () => ({ key: 'other' })],
    ['its headers differ', ({ headers }) => ({ headers: { ...headers, more: '' } })],
    ['its values differ', ({ value }) => ({ value: value.subarray(1) })],
    ['offset 4 and 5', () => ({ offset: 5 })],
  ];
  test.each(damages)('finds: %s', async (what, damaged) => {
    await copy();
    const place = target.at(topic, 0);
    const stored = place[4];
    if (stored === undefined) throw new Error('there are more records');
    place[4] = { ...stored, ...damaged(stored) };
    expect(await compareLogs({ source, target })).toEqual([{ topic, partition: 0, offset: 4, what }]);
  });

  test('finds what is missing at the end', async () => {
    await copy();
    target.at(topic, 2).pop();
    expect(await differences()).toEqual(['ends at 16 and 15']);
  });
});

describe('copying media', () => {
  const object = (mediaId: string, over: Partial<StoredMedia> = {}): StoredMedia => {
    const facts = { ownerId: 'ann', kind: 'image', contentType: 'image/png', sizeBytes: 3, sha256: 'ab' } as const;
    return { mediaId, ...facts, createTimeMs: 1, ...over };
  };
  const ours = {
    async *list() {
      yield [object('a'), object('b')];
      yield [object('c')];
    },
    read: async (mediaId: string) => Buffer.from(`${mediaId}!!`),
  };

  function storeWith(...objects: readonly StoredMedia[]) {
    const there = new Map(objects.map((one) => [one.mediaId, one]));
    const bytes = new Map<string, string>();
    const put = async (described: MediaObject, given: Uint8Array) => {
      there.set(described.mediaId, { ...described, createTimeMs: 9 });
      bytes.set(described.mediaId, Buffer.from(given).toString());
    };
    return { there, bytes, put, stat: async (mediaId: string) => there.get(mediaId) ?? null };
  }

  test('puts what is not there, and finds what is another object', async () => {
    const theirs = storeWith(object('a'), object('b', { ownerId: 'eve' }));
    const steps: number[] = [];
    const copied = await copyMedia(ours, theirs, (done) => steps.push(done));
    expect(copied).toEqual({ inAll: 3, before: 2, differences: ['media b is missing or differs'] });
    expect([...theirs.bytes]).toEqual([['c', 'c!!']]);
    expect(steps).toEqual([1, 2, 3]);
  });

  test('finds what does not stay', async () => {
    const theirs = { ...storeWith(), put: async () => undefined };
    expect((await copyMedia(ours, theirs)).differences).toHaveLength(3);
  });
});

test('copying accounts makes those that are not there, and finds those that are others', async () => {
  const account = (userName: string, clientId = userName): Account => ({
    clientId,
    userName,
    passwordHash: 'hash',
    role: 'client',
    createTimeMs: 1,
  });
  const names = ['ann', 'bob', 'cleo'];
  const ours = {
    listAccounts: async (after: string) =>
      names
        .filter((name) => name > after)
        .slice(0, 2)
        .map((name) => account(name)),
  };
  const there = new Map([account('ann'), account('bob', 'somebody else')].map((one) => [one.userName, one]));
  const theirs = {
    accountNamed: async (userName: string) => there.get(userName) ?? null,
    createAccount: async (made: Account) => !there.has(made.userName) && there.set(made.userName, made) !== undefined,
  };
  const copied = await copyAccounts(ours, theirs);
  expect(copied).toEqual({
    inAll: 3,
    before: 2,
    differences: ['the account bob was there already, and is another one'],
  });
  expect(there.get('cleo')).toEqual(account('cleo'));
});
