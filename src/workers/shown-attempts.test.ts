import { expect, test } from '@jest/globals';
import type { NewRecord } from '../ports/event-log.ts';
import { stopRequested } from '../testing/conversation-events.ts';
import { eventually } from '../testing/test-sessions.ts';
import { WorkerWorld } from '../testing/worker-world.ts';

// Cause, of all here: pieces went out before anybody knew that the attempt's number was the worker's own. Where the record of its start was
// not written, or stood behind another worker's claim, the next worker used the number again, and watchers saw two texts under it.

const isStart = (records: readonly NewRecord[]) =>
  records.some(({ headers }) => headers['ce_type']?.endsWith('.ReplyStarted'));

/** The texts of the pieces that watchers were sent of the message, by attempt. */
function shown(world: WorkerWorld, messageId: string): Record<number, string> {
  const texts: Record<number, string> = {};
  for (const piece of world.live)
    if (piece.messageId === messageId) texts[piece.attempt] = (texts[piece.attempt] ?? '') + piece.text;
  return texts;
}

async function asked(calls: readonly unknown[], times: number): Promise<void> {
  await eventually(
    async () => calls.length,
    (count) => count >= times,
  );
}

test('nothing of an attempt is shown whose start the log does not take, and all of it when it does', async () => {
  await using world = await WorkerWorld.open();
  let refusing = true;
  const worker = world.worker({ fault: (records) => (refusing && isStart(records) ? 'refused' : 'none') });
  await world.say('c/1');
  await asked(worker.provider.calls, 1);
  worker.provider.callFor('c/1').say('Once ', 'upon ');
  await eventually(
    async () => worker.warnings.filter((what) => what === 'the start of an attempt was not written').length,
    (warnings) => warnings >= 2,
  );
  const draft: unknown[] = [];
  world.bus.requestDrafts('c', (piece) => draft.push(piece));
  expect([world.live, draft]).toEqual([[], []]);
  refusing = false;
  await world.heard('c/1');
  worker.provider.callFor('c/1').say('a time').end();
  await world.ended('completed', 'c/1');
  expect(shown(world, 'c/1')).toEqual({ 1: 'Once upon a time' });
  // What was held goes as one.
  expect(world.live).toHaveLength(2);
});

test('a worker whose start never came into the log leaves the number to the next, and has shown nothing under it', async () => {
  await using world = await WorkerWorld.open();
  const first = world.worker({ fault: (records) => (isStart(records) ? 'refused' : 'none') });
  await world.say('c/1');
  await asked(first.provider.calls, 1);
  first.provider.callFor('c/1').say('One text');
  await first.drain(0);
  const second = world.worker();
  await asked(second.provider.calls, 1);
  second.provider.callFor('c/1').say('Another').end();
  expect(await world.ended('completed', 'c/1')).toMatchObject({ attempt: 1 });
  expect(shown(world, 'c/1')).toEqual({ 1: 'Another' });
});

test('a worker that has stalled, and whose start stands behind another’s claim, shows nothing', async () => {
  await using world = await WorkerWorld.open();
  const stalled = world.worker();
  await world.logged();
  await eventually(
    () => world.events(),
    (events) => events.some(({ type }) => type === 'WorkerClaimed'),
  );
  // What it is told to answer it begins; of what others write it reads nothing.
  const held = Promise.withResolvers<void>();
  const append = stalled.log.append.bind(stalled.log);
  stalled.log.append = async (records) => {
    if (isStart(records)) await held.promise;
    return append(records);
  };
  await world.say('c/1');
  await asked(stalled.provider.calls, 1);
  const awake = Promise.withResolvers<void>();
  stalled.log.stalled = awake.promise;
  const second = world.worker();
  await asked(second.provider.calls, 1);
  held.resolve();
  await eventually(
    () => world.story(),
    (story) => story.filter((line) => line === 'started c/1 #1').length === 2,
  );
  stalled.provider.callFor('c/1').say('One text');
  second.provider.callFor('c/1').say('Another').end();
  await world.ended('completed', 'c/1');
  awake.resolve();
  expect(shown(world, 'c/1')).toEqual({ 1: 'Another' });
});

test('a reply that is stopped before its start was read ends with what there is of it', async () => {
  await using world = await WorkerWorld.open();
  let refusing = true;
  const worker = world.worker({ fault: (records) => (refusing && isStart(records) ? 'refused' : 'none') });
  await world.say('c/1');
  await asked(worker.provider.calls, 1);
  worker.provider.callFor('c/1').say('Once ');
  await world.append(stopRequested('c/1'));
  refusing = false;
  expect(await world.ended('completed', 'c/1')).toMatchObject({ outcome: 'stopped' });
});
