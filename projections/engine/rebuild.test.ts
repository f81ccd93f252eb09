import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type ReadModelStore, ReadModelUnavailable } from '../../src/ports/read-model.ts';
import { historyProjection } from '../history/project.ts';
import { history } from '../history/query.ts';
import { messageReceived } from '../testing/conversation-events.ts';
import { type Harness, openHarness } from '../testing/harness.ts';
import type { Projection } from './projection.ts';
import { rebuildModel } from './rebuild.ts';

let harness: Harness;

beforeEach(async () => {
  harness = await openHarness();
});
afterEach(() => harness?.[Symbol.asyncDispose]());

/** The store as an object whose methods can be replaced. */
function plain(store: ReadModelStore): ReadModelStore {
  return {
    collection: (spec) => store.collection(spec),
    checkpoint: (model, topic, partition) => store.checkpoint(model, topic, partition),
    rebuild: (model) => store.rebuild(model),
    scrub: () => store.scrub(),
    apply: (writes, checkpoints) => store.apply(writes, checkpoints),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/** The store, which cannot be written the first times. */
function failing(store: ReadModelStore, times: number): ReadModelStore {
  let left = times;
  return {
    ...plain(store),
    async apply(writes, checkpoints) {
      if (left-- > 0) throw new ReadModelUnavailable('not now');
      await store.apply(writes, checkpoints);
    },
  };
}

describe('beside others that write', () => {
  /** The store, with something done at the moment when its writers are held, and what the new generation has when it is switched to. */
  function watched(whenHeld: () => Promise<void>) {
    const atSwitch: number[] = [];
    const store: ReadModelStore = {
      ...plain(harness.store),
      rebuild: async (model) => {
        const rebuild = await harness.store.rebuild(model);
        return {
          ...rebuild,
          hold: whenHeld,
          activate: async () => {
            atSwitch.push((await rebuild.store.checkpoint(model, 'test.conversations', 0)).offset);
            await rebuild.activate();
          },
        };
      },
    };
    return { store, atSwitch };
  }
  const rebuildOn = (store: ReadModelStore) =>
    rebuildModel({
      journal: harness.journal,
      store,
      projection: historyProjection as Projection,
      compare: true,
      othersWrite: true,
    });

  test('has all that they wrote until they were held before it is switched to', async () => {
    await harness.append(0, messageReceived('a'));
    const { store, atSwitch } = watched(async () => {
      await harness.append(0, messageReceived('b'), messageReceived('c'));
      await harness.project();
    });
    expect(await rebuildOn(store)).toMatchObject({ records: 3 });
    expect(atSwitch).toEqual([3]);
    expect(await history(harness.store).getMessage('c')).toMatchObject({ sequence: 2 });
  });

  test('compares a model that has everything and stands still, and no other', async () => {
    const { store } = watched(async () => undefined);
    await harness.append(0, messageReceived('a'));
    expect(await rebuildOn(store)).toEqual({ records: 1, compared: false, differences: [] });
    const a = await history(harness.store).getMessage('a');
    const wrong = { collection: 'messages', id: 'a', offset: 100, document: { ...a, clientId: 'eve' } };
    await harness.store.apply([wrong], []);
    expect(await rebuildOn(store)).toMatchObject({ compared: true, differences: [{ id: 'a' }] });
    let asked = 0;
    const moving: ReadModelStore = {
      ...store,
      async checkpoint(...place) {
        asked += 1;
        // Both partitions are looked at before anything else, before they are compared, and after.
        if (asked === 5) {
          await harness.append(0, messageReceived('b'));
          await harness.project();
        }
        return harness.store.checkpoint(...place);
      },
    };
    expect(await rebuildOn(moving)).toMatchObject({ compared: false, differences: [] });
  });

  test('tries again what store or log cannot do for the moment, when told to', async () => {
    await harness.append(0, messageReceived('a'));
    let failures = 0;
    const store: ReadModelStore = {
      ...plain(harness.store),
      rebuild: async (model) => {
        const rebuild = await harness.store.rebuild(model);
        return { ...rebuild, store: failing(rebuild.store, 3) };
      },
    };
    const retry = async <T>(work: () => Promise<T>): Promise<T> => {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof ReadModelUnavailable)) throw error;
        failures += 1;
        return retry(work);
      }
    };
    const options = { journal: harness.journal, store, projection: historyProjection as Projection };
    await rebuildModel({ ...options, retry });
    expect(failures).toBe(3);
  });
});
