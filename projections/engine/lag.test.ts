import { expect, test } from '@jest/globals';
import { projections } from '../models.ts';
import { conversationStarted, messageReceived } from '../testing/conversation-events.ts';
import { openHarness } from '../testing/harness.ts';
import { lagOf } from './lag.ts';

test('the lag of a model is what the log holds beyond its checkpoints, over all partitions', async () => {
  await using world = await openHarness();
  const { journal, store } = world;
  const lag = () => lagOf(journal, store, projections);
  expect(await lag()).toEqual({ history: 0, 'active-connections': 0 });
  await world.append(0, conversationStarted('a'), messageReceived('a/1'));
  await world.append(1, conversationStarted('b'));
  await journal.appendConnection([{ type: 'GatewayBeat', gatewayId: 'g', active: [] }]);
  expect(await lag()).toEqual({ history: 3, 'active-connections': 1 });
  await world.project();
  expect(await lag()).toEqual({ history: 0, 'active-connections': 0 });
  await world.append(1, messageReceived('b/1'));
  expect(await lag()).toEqual({ history: 1, 'active-connections': 0 });
});

test('a fold that is ahead of what the log knows of itself here has no lag', async () => {
  await using world = await openHarness();
  const { journal, store } = world;
  await world.append(0, conversationStarted('a'));
  await world.project();
  const log = new Proxy(journal.log, {
    get(target, name) {
      if (name === 'endOffset') return async () => 0;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const unaware = new Proxy(journal, {
    get: (target, name) => (name === 'log' ? log : Reflect.get(target, name, target)),
  });
  expect(await lagOf(unaware, store, projections)).toEqual({ history: 0, 'active-connections': 0 });
});
