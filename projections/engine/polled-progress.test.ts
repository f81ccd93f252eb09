import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { systemClock } from '../../src/adapters/node/system-clock.ts';
import { type ReadModelStore, ReadModelUnavailable } from '../../src/ports/read-model.ts';
import { historyModel } from '../history/document.ts';
import { messageReceived } from '../testing/conversation-events.ts';
import { type Harness, openHarness } from '../testing/harness.ts';
import { PolledProgress } from './polled-progress.ts';

const longMs = 60_000;
let harness: Harness;

beforeEach(async () => {
  harness = await openHarness();
  await harness.project();
});
afterEach(() => harness?.[Symbol.asyncDispose]());

function progressOf(store: ReadModelStore): PolledProgress {
  const onFault = (error: unknown) => {
    throw error;
  };
  const topic = harness.journal.topics.conversations;
  return new PolledProgress({ store, clock: systemClock, model: historyModel, topic, partitions: 2, onFault });
}

test('says that a model has come so far as soon as another process has folded it', async () => {
  await using progress = progressOf(harness.store);
  expect(await progress.reached(0, 0, longMs)).toBe(true);
  const waiting = [progress.reached(0, 1, longMs), progress.reached(1, 2, longMs), progress.reached(0, 1, longMs)];
  await harness.append(0, messageReceived('a'));
  await harness.append(1, messageReceived('b'), messageReceived('c'));
  await harness.project();
  expect(await Promise.all(waiting)).toEqual([true, true, true]);
  expect([progress.checkpoint(0), progress.checkpoint(1)]).toEqual([1, 2]);
});

test('says no after the time limit, and when it is closed', async () => {
  const progress = progressOf(harness.store);
  expect(await progress.reached(0, 1, 30)).toBe(false);
  const waiting = progress.reached(0, 1, longMs);
  await progress[Symbol.asyncDispose]();
  expect(await waiting).toBe(false);
  expect(await progress.reached(0, 1, longMs)).toBe(false);
});

test('a store that is away fails who waits, at once; when it is back, it is asked again', async () => {
  let isAway = true;
  const { store } = harness;
  const away: ReadModelStore = {
    collection: (spec) => store.collection(spec),
    apply: (...args) => store.apply(...args),
    rebuild: (model) => store.rebuild(model),
    scrub: () => store.scrub(),
    async checkpoint(...args) {
      if (isAway) throw new ReadModelUnavailable('not now');
      return store.checkpoint(...args);
    },
    [Symbol.asyncDispose]: async () => {},
  };
  await using progress = progressOf(away);
  await expect(progress.reached(0, 1, longMs)).rejects.toThrow(ReadModelUnavailable);
  isAway = false;
  const waiting = progress.reached(0, 1, longMs);
  await harness.append(0, messageReceived('a'));
  await harness.project();
  expect(await waiting).toBe(true);
});

// The checkpoints that it knew outlived a database that was replaced: what the new one lacked was taken for deleted.
test('an answer is whole only of a store that still holds what was waited for', async () => {
  await harness.append(0, messageReceived('a'));
  await harness.project();
  let isOlderCopy = false;
  const { store } = harness;
  const replaced: ReadModelStore = {
    collection: (spec) => store.collection(spec),
    apply: (...args) => store.apply(...args),
    rebuild: (model) => store.rebuild(model),
    scrub: () => store.scrub(),
    async checkpoint(model, topic, partition) {
      return isOlderCopy
        ? { model, topic, partition, offset: 0, state: null }
        : store.checkpoint(model, topic, partition);
    },
    [Symbol.asyncDispose]: async () => {},
  };
  await using progress = progressOf(replaced);
  const upTo = new Map([
    [0, 1],
    [1, 0],
  ]);
  expect(await progress.whole(upTo, longMs, async () => 'all')).toEqual({ answer: 'all' });
  const answer = await progress.whole(upTo, longMs, async () => {
    isOlderCopy = true;
    return 'little';
  });
  expect(answer).toBeNull();
  expect(progress.checkpoint(0)).toBe(0);
  expect(await progress.whole(upTo, 30, async () => 'little')).toBeNull();
});

// What was known of the store was up to a second old: it was asked while it was empty, and had been folded again when it was looked at after.
test('an answer is not whole of a store that was emptied before it and folded again after it', async () => {
  await harness.append(0, messageReceived('a'));
  await harness.project();
  const { store } = harness;
  let isEmpty = false;
  const emptied = new Proxy(store, {
    get(target, name: keyof ReadModelStore) {
      const checkpoint: ReadModelStore['checkpoint'] = async (model, topic, partition) =>
        isEmpty ? { model, topic, partition, offset: 0, state: null } : target.checkpoint(model, topic, partition);
      const member = name === 'checkpoint' ? checkpoint : target[name];
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  await using progress = progressOf(emptied);
  const upTo = new Map([[0, 1]]);
  expect(await progress.reached(0, 1, longMs)).toBe(true);
  isEmpty = true;
  const answer = await progress.whole(upTo, 100, async () => {
    isEmpty = false;
    return 'little';
  });
  expect(answer).toBeNull();
});
