import { expect, test } from '@jest/globals';
import { LogTruncated } from '../ports/event-log.ts';
import { ScriptedProvider } from '../testing/scripted-provider.ts';
import { counted, WorkerWorld } from '../testing/worker-world.ts';

/*
 * Where one process has sessions and workers, they share one fold. It runs before any worker has the partition, and goes on after it: a worker
 * that takes the partition over hears only what is read from then on, and finds the rest in the fold.
 */

function echo(): ScriptedProvider {
  const provider = new ScriptedProvider();
  provider.answer = (call) => call.say('You said: ', call.request.text).end();
  return provider;
}

test('a worker answers what was pending before it came', async () => {
  await using world = await WorkerWorld.open();
  const follower = world.follower();
  await world.say('c/1');
  await world.say('c/2');
  await follower.folded(3);
  expect(follower.state.pending.size).toBe(2);
  const worker = world.worker({ provider: echo(), follower });
  await world.ended('completed', 'c/1');
  await world.ended('completed', 'c/2');
  await counted(worker.metrics, { completed: 2 });
  expect(follower.state.pending.size).toBe(0);
});

test('a worker that takes over goes on with what the one before left, and answers nothing twice', async () => {
  await using world = await WorkerWorld.open();
  const follower = world.follower();
  const first = world.worker({ follower });
  first.provider.answer = (call) => (call.request.text.includes('2') ? call.say('half') : call.say('whole').end());
  await world.say('c/1');
  await world.ended('completed', 'c/1');
  await world.say('c/2');
  await world.heard('c/2');
  await world.logged('started c/2 #1');
  await first.drain(0);
  const second = world.worker({ provider: echo(), follower });
  await world.ended('completed', 'c/2');
  await world.say('c/3');
  await world.ended('completed', 'c/3');
  const story = await world.story();
  expect(story.filter((line) => line.startsWith('completed'))).toEqual([
    'completed c/1 #1',
    'completed c/2 #2',
    'completed c/3 #1',
  ]);
  expect(second.provider.calls).toHaveLength(2);
  await counted(second.metrics, { completed: 2 });
});

test('one that has lost the partition starts nothing, though the fold that it reads goes on', async () => {
  await using world = await WorkerWorld.open();
  const follower = world.follower();
  const first = world.worker({ provider: echo(), follower });
  await world.say('c/1');
  await world.ended('completed', 'c/1');
  first.assign([]);
  await world.say('c/2');
  const second = world.worker({ provider: echo(), follower });
  await world.ended('completed', 'c/2');
  expect(first.provider.calls).toHaveLength(1);
  expect(second.provider.calls).toHaveLength(1);
});

test('a worker begins again where the log under the shared fold becomes shorter', async () => {
  await using world = await WorkerWorld.open();
  const { conversations } = world.journal.topics;
  const follower = world.follower();
  world.worker({ provider: echo(), follower });
  await world.say('c/1');
  await world.ended('completed', 'c/1');
  follower.log.tailFault = new LogTruncated(conversations, 0, 1_000, 1);
  await world.say('c/2');
  await world.ended('completed', 'c/2');
  await world.say('c/3');
  await world.ended('completed', 'c/3');
  const ends = await world.ends();
  expect(ends.map(({ messageId }) => messageId)).toEqual(['c/1', 'c/2', 'c/3']);
  const claims = (await world.events()).filter(({ type }) => type === 'WorkerClaimed');
  expect(claims).toHaveLength(2);
});

test('a repeat from before what the fold knows is pending for nobody once the worker has found it', async () => {
  await using world = await WorkerWorld.open();
  await world.say('c/1');
  const before = world.worker({ provider: echo() });
  await world.ended('completed', 'c/1');
  await before.drain(0);
  await world.say('c/1');
  const follower = world.follower();
  await follower.folded(await world.journal.log.endOffset(world.journal.topics.conversations, 0));
  expect(follower.state.pending.size).toBe(1);
  const worker = world.worker({ provider: echo(), follower });
  await world.say('c/2');
  await world.ended('completed', 'c/2');
  expect(follower.state.pending.size).toBe(0);
  expect(worker.provider.calls.map(({ request }) => request.messageId)).toEqual(['c/2']);
});

// Cause: a claim was appended while the fold still asked where to begin. The worker before committed the position behind it, and the claim was never read back.
test('a worker claims the partition only when its fold is sure to meet the claim', async () => {
  await using world = await WorkerWorld.open();
  const worker = world.worker({ provider: echo() });
  const { log } = worker;
  const endOffset = log.endOffset.bind(log);
  const begun = Promise.withResolvers<void>();
  log.committed = async (_group, topic, partition) => {
    // What was appended before this is in the log when this is, and the worker before has read it.
    await world.journal.appendConversation(0, 'd', [
      { type: 'ConversationStarted', conversationId: 'd', clientId: 'client' },
    ]);
    const committed = await endOffset(topic, partition);
    begun.resolve();
    return committed;
  };
  await begun.promise;
  await world.say('c/1');
  await world.ended('completed', 'c/1');
});
