import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type ReadModelStore, ReadModelUnavailable } from '../../../ports/read-model.ts';
import { type MongoEngine, startMongo } from '../../../testing/engines/mongo.ts';
import { notes, noteWrite, upTo } from '../../../testing/notes.ts';
import { seededRandom } from '../../../testing/random.ts';
import { rounds } from '../../../testing/rounds.ts';
import { renewAfterMs } from './limits.ts';
import { openMongoReadModels } from './mongo-read-models.ts';
import { until } from './testing/until.ts';

/** What nobody may wait longer for, and what a busy machine adds to it. */
const answerLimitMs = 5_000 + 1_500;

let engine: MongoEngine;
beforeAll(async () => {
  engine = await startMongo();
});
afterAll(() => engine[Symbol.asyncDispose]());

const open = (prefix: string, mode: 'read' | 'write' = 'write') =>
  openMongoReadModels({ uri: engine.uri, prefix, mode });

/** Everything that can be asked of a store, at once. Resolves to how long the last answer took; all are ReadModelUnavailable. */
async function refusedWithinMs(store: ReadModelStore): Promise<number> {
  const collection = store.collection(notes);
  const beganMs = performance.now();
  const answers = await Promise.allSettled([
    store.apply([noteWrite('b', 9, { rank: 9, text: 'unheard' })], [upTo(10)]),
    store.checkpoint('notebook', 'events', 0),
    store.rebuild('notebook'),
    collection.get('a'),
    collection.load(['a', 'b']),
    collection.page({ index: 'byRank', equals: [], limit: 10 }),
    collection.search({ equals: 'ann', words: ['x'], limit: 10 }),
    collection.scan('', 10),
    collection.count('byRank', []),
  ]);
  for (const answer of answers) {
    expect(answer.status).toBe('rejected');
    if (answer.status === 'rejected') expect(answer.reason).toBeInstanceOf(ReadModelUnavailable);
  }
  return performance.now() - beganMs;
}

async function answers(store: ReadModelStore): Promise<boolean> {
  return store.checkpoint('notebook', 'events', 0).then(
    () => true,
    (error: unknown) => {
      expect(error).toBeInstanceOf(ReadModelUnavailable);
      return false;
    },
  );
}

test('a store opens while the server is away, says so, and works by itself once it is there; again and again', async () => {
  await engine.kill();
  await using store = await open('away');
  await using reader = await open('away', 'read');
  for (let round = 1; round <= 2; round += 1) {
    // The first time longer than a driver is kept that has no answer.
    const awayUntilMs = performance.now() + (round === 1 ? 2 * renewAfterMs : 0);
    do expect(await refusedWithinMs(store)).toBeLessThan(answerLimitMs);
    while (performance.now() < awayUntilMs);
    await expect(reader.collection(notes).get('a')).rejects.toThrow(ReadModelUnavailable);
    await engine.start();
    await until(() => answers(store));
    await store.apply([noteWrite('a', round, { rank: round, text: 'here' })], [upTo(round + 1)]);
    expect(await reader.collection(notes).get('a')).toEqual({ rank: round, text: 'here' });
    await engine.kill();
  }
  await engine.start();
  await until(() => answers(reader));
  expect(await reader.collection(notes).get('a')).toEqual({ rank: 2, text: 'here' });
});

test('a server that is frozen is given up in time, also by a store that has not met it, and works once it goes on', async () => {
  await using store = await open('frozen');
  store.collection(notes);
  await store.apply([noteWrite('a', 1, { rank: 1, text: 'before' })], [upTo(2)]);
  await engine.pause();
  try {
    await using stranger = await open('frozen');
    const tooks = await Promise.all([refusedWithinMs(store), refusedWithinMs(stranger)]);
    expect(Math.max(...tooks)).toBeLessThan(answerLimitMs);
  } finally {
    engine.resume();
  }
  await until(() => answers(store));
  await store.apply([noteWrite('a', 20, { rank: 2, text: 'after' })], [upTo(21)]);
  expect(await store.collection(notes).get('a')).toEqual({ rank: 2, text: 'after' });
});

test('closing while the server is away ends at once, and everything is refused then', async () => {
  await engine.kill();
  const store = await open('closing');
  const asked = expect(store.collection(notes).get('a')).rejects.toThrow(ReadModelUnavailable);
  await store[Symbol.asyncDispose]();
  await asked;
  await expect(store.checkpoint('notebook', 'events', 0)).rejects.toThrow(ReadModelUnavailable);
  await expect(store.scrub()).rejects.toThrow(ReadModelUnavailable);
  await engine.start();
});

const writers = 50;
const kills = rounds({ usual: 2, long: 5 });
const batch = 4;

test('killed in the middle of 50 writers, the server has all that was answered, and no checkpoint is ahead of its documents', async () => {
  const random = seededRandom();
  await using store = await open('killed');
  store.collection(notes);
  const stored = Array.from({ length: writers }, () => 0);
  for (let round = 0; round < kills; round += 1) {
    let over = false;
    let answered = 0;
    let killing: Promise<void> | undefined;
    const killAfter = 60 + Math.floor(random() * 120);
    const writing = stored.map(async (_, partition) => {
      while (!over) {
        const from = stored[partition]!;
        const writes = Array.from({ length: batch }, (__, index) =>
          noteWrite(`${partition}-${from + index}`, from + index, {
            owner: `${partition}`,
            rank: from + index,
            text: 'x',
          }),
        );
        try {
          await store.apply(writes, [upTo(from + batch, partition)]);
          stored[partition] = from + batch;
          answered += 1;
        } catch (error) {
          expect(error).toBeInstanceOf(ReadModelUnavailable);
          over = killing !== undefined;
        }
        if (answered < killAfter) continue;
        killing ??= engine.kill();
        await killing;
      }
    });
    await Promise.all(writing);
    await engine.start();
    await until(() => answers(store));
    await using reader = await open('killed', 'read');
    const collection = reader.collection(notes);
    for (const [partition, answeredUpTo] of stored.entries()) {
      const { offset, state } = await reader.checkpoint('notebook', 'events', partition);
      expect(offset).toBeGreaterThanOrEqual(answeredUpTo);
      if (offset > 0) expect(state).toEqual({ folded: offset });
      const ids = Array.from({ length: offset }, (_, index) => `${partition}-${index}`);
      expect((await collection.load(ids)).size).toBe(offset);
      stored[partition] = offset;
    }
  }
});
