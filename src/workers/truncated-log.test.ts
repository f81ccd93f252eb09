import { expect, test } from '@jest/globals';
import { LogTruncated } from '../ports/event-log.ts';
import { ScriptedProvider } from '../testing/scripted-provider.ts';
import { WorkerWorld } from '../testing/worker-world.ts';

/*
 * Cause: a worker whose committed position, or whose reading, was further than the log (an older copy was restored, or a power cut took its
 * end) waited for the log to come that far, and left out what was accepted meanwhile.
 */

function echo(): ScriptedProvider {
  const provider = new ScriptedProvider();
  provider.answer = (call) => call.say('You said: ', call.request.text).end();
  return provider;
}

const committedOf = (world: WorkerWorld) =>
  world.journal.log.committed('test.workers', world.journal.topics.conversations, 0);

test('a worker whose committed position lies beyond the end answers what the log holds', async () => {
  await using world = await WorkerWorld.open();
  await world.journal.log.commit('test.workers', world.journal.topics.conversations, 0, 1_000);
  await world.say('c/1');
  const worker = world.worker({ provider: echo() });
  await world.ended('completed', 'c/1');
  await world.say('c/2');
  await world.ended('completed', 'c/2');
  expect(worker.warnings.filter((what) => what.includes('shorter'))).toHaveLength(1);
  expect(await committedOf(world)).toBeLessThan(1_000);
});

test('a worker answers again what it had answered when the log loses the answer, also one that starts later', async () => {
  await using world = await WorkerWorld.open();
  const { conversations } = world.journal.topics;
  await world.say('c/1');
  const end = await world.journal.log.endOffset(conversations, 0);
  // As one that has answered it leaves them, had the log ended behind the answer.
  await world.journal.log.commit('test.workers.read', conversations, 0, end + 3);
  await world.journal.log.commit('test.workers', conversations, 0, end);
  const worker = world.worker({ provider: echo() });
  await world.ended('completed', 'c/1');
  expect(worker.warnings.filter((what) => what.includes('shorter'))).toHaveLength(1);
});

test('a worker under which the log becomes shorter begins again from what it holds', async () => {
  await using world = await WorkerWorld.open();
  const worker = world.worker({ provider: echo() });
  await world.say('c/1');
  await world.ended('completed', 'c/1');
  // What was read is of a log that had more: the records up to the new end are what is left of it.
  worker.log.tailFault = new LogTruncated(world.journal.topics.conversations, 0, 1_000, 1);
  await world.say('c/2');
  await world.ended('completed', 'c/2');
  expect(worker.warnings.filter((what) => what.includes('shorter'))).toHaveLength(1);
  expect(await world.story()).toEqual(expect.arrayContaining(['completed c/1 #1', 'completed c/2 #1']));
  expect(worker.provider.calls).toHaveLength(2);
});
