import { expect, test } from '@jest/globals';
import { stopRequested } from '../testing/conversation-events.ts';
import { ScriptedProvider } from '../testing/scripted-provider.ts';
import { eventually } from '../testing/test-sessions.ts';
import { counted, WorkerWorld } from '../testing/worker-world.ts';
import type { Lookups } from './deps.ts';

// Causes, of all here: history was loaded inside an attempt. With a model that reads it, every message ended as PROVIDER_FAILED without a
// single call once history was away, or behind, for as long as three look-ups take.

const said = [{ role: 'user', text: 'Hello' }] as const;

/** A model that reads what was said before, and answers at once. */
function reader(): ScriptedProvider {
  const provider = new ScriptedProvider();
  provider.usesHistory = true;
  provider.answer = (call) => call.say('Here you are.').end();
  return provider;
}

/** Look-ups that are refused, or never answered, until history is back. */
function history(whileAway: 'refuses' | 'is silent') {
  const asked: { readonly messageId: string; readonly foldedTo: number }[] = [];
  const state = { away: true, asked };
  const loadHistory: Lookups['loadHistory'] = async (_partition, { messageId }, foldedTo) => {
    asked.push({ messageId, foldedTo });
    if (!state.away) return said;
    if (whileAway === 'is silent') return new Promise(() => {});
    throw Object.assign(new Error('away'), { retryable: true });
  };
  return Object.assign(state, { lookups: { loadHistory } });
}

async function lookedUp(asked: readonly unknown[], times: number): Promise<void> {
  await eventually(
    async () => asked.length,
    (count) => count >= times,
  );
}

test('waiting for history is no attempt: however long it takes, the first call is attempt 1', async () => {
  await using world = await WorkerWorld.open();
  const away = history('refuses');
  const { provider, metrics } = world.worker({ provider: reader(), lookups: away.lookups });
  await world.say('c/1');
  await lookedUp(away.asked, 6);
  expect(await world.story()).toEqual(['received c/1']);
  away.away = false;
  await world.ended('completed', 'c/1');
  expect(await world.story()).toEqual(['received c/1', 'started c/1 #1', 'completed c/1 #1']);
  expect(provider.calls.map(({ request }) => [request.attempt, request.history])).toEqual([[1, said]]);
  await counted(metrics, { completed: 1 });
});

// The goal moved on with the fold, so that history which was always a little behind never reached it.
test('history has to come only as far as the fold was when the message was taken up', async () => {
  await using world = await WorkerWorld.open();
  const away = history('refuses');
  world.worker({ provider: reader(), lookups: away.lookups });
  await world.say('c/1');
  await lookedUp(away.asked, 1);
  for (const id of ['d/1', 'e/1']) await world.say(id);
  await lookedUp(away.asked, 12);
  away.away = false;
  await world.logged('completed c/1 #1', 'completed d/1 #1', 'completed e/1 #1');
  const goals = away.asked.filter(({ messageId }) => messageId === 'c/1').map(({ foldedTo }) => foldedTo);
  expect(new Set(goals).size).toBe(1);
});

test('a message that waits for history keeps its place in processing', async () => {
  await using world = await WorkerWorld.open();
  const away = history('refuses');
  const { provider } = world.worker({
    provider: reader(),
    lookups: away.lookups,
    settings: { maxProcessingPerPartition: 1 },
  });
  await world.say('c/1');
  await world.say('d/1');
  await lookedUp(away.asked, 6);
  expect(new Set(away.asked.map(({ messageId }) => messageId))).toEqual(new Set(['c/1']));
  away.away = false;
  await world.ended('completed', 'd/1');
  expect(provider.asked).toEqual(['c/1', 'd/1']);
});

test.each([
  ['a stop', stopRequested('c/1')],
  ['its deletion', { type: 'ConversationDeleted', conversationId: 'c' } as const],
])('%s ends the wait for history at once, also while that is silent', async (_what, event) => {
  await using world = await WorkerWorld.open();
  const away = history('is silent');
  const { provider } = world.worker({ provider: reader(), lookups: away.lookups });
  await world.say('c/1');
  await lookedUp(away.asked, 1);
  await world.append(event);
  expect(await world.logged('STOPPED c/1 #0')).toEqual(['received c/1', 'STOPPED c/1 #0']);
  expect(provider.calls).toEqual([]);
});

test('another worker’s claim ends the wait for history', async () => {
  await using world = await WorkerWorld.open();
  const away = history('refuses');
  const first = world.worker({ provider: reader(), lookups: away.lookups });
  await world.say('c/1');
  await lookedUp(away.asked, 2);
  world.worker({ provider: reader() });
  await world.ended('completed', 'c/1');
  await eventually(
    async () => first.warnings,
    (warnings) => warnings.includes('another worker has claimed the partition'),
  );
  const before = away.asked.length;
  first.assign([]);
  expect(first.provider.calls).toEqual([]);
  expect(away.asked.length).toBe(before);
});

test('a drain does not wait for history', async () => {
  await using world = await WorkerWorld.open();
  const away = history('is silent');
  const worker = world.worker({ provider: reader(), lookups: away.lookups });
  await world.say('c/1');
  await lookedUp(away.asked, 1);
  // A day: it must not be the time limit that ends it.
  await worker.drain(86_400_000);
  expect(await world.story()).toEqual(['received c/1']);
  world.worker({ provider: reader() });
  expect(await world.ended('completed', 'c/1')).toMatchObject({ attempt: 1 });
});
