import { expect, test } from '@jest/globals';
import type { NewRecord } from '../ports/event-log.ts';
import { ScriptedProvider } from '../testing/scripted-provider.ts';
import { eventually } from '../testing/test-sessions.ts';
import { WorkerWorld } from '../testing/worker-world.ts';
import { orphansLookedForMs, watchdogTickMs } from './limits.ts';

const typesOf = (records: readonly NewRecord[]) =>
  records.map((record) => record.headers['ce_type']?.split('.').at(-1));

function echo(): ScriptedProvider {
  const provider = new ScriptedProvider();
  provider.answer = (call) => call.say('You said: ', call.request.text).end();
  return provider;
}

test('a reply that the log does not take is held, and its text is sent when the log has its start', async () => {
  await using world = await WorkerWorld.open();
  const worker = world.worker({ provider: echo() });
  await eventually(
    async () => world.events(),
    (events) => events.length === 1,
  );
  worker.log.appendFault = () => 'refused';
  await world.say('c/1');
  await eventually(
    async () => worker.warnings,
    (warnings) => warnings.filter((what) => what.includes('end of a reply')).length > 2,
  );
  expect(await world.story()).toEqual(['received c/1']);
  // Nobody knows yet whose the attempt's number is.
  expect(world.live).toEqual([]);
  worker.log.appendFault = () => 'none';
  const end = await world.ended('completed', 'c/1');
  expect(await world.story()).toEqual(['received c/1', 'started c/1 #1', 'completed c/1 #1']);
  expect(world.live.map(({ text }) => text)).toEqual(['You said: What about c/1?']);
  expect(end).toMatchObject({ sequence: (await world.entries()).length - 1 });
  expect(worker.provider.calls).toHaveLength(1);
});

test('the log is asked again after growing waits', async () => {
  await using world = await WorkerWorld.open();
  const worker = world.worker({ provider: echo() });
  await eventually(
    async () => world.events(),
    (events) => events.length === 1,
  );
  worker.log.appendFault = () => 'refused';
  await world.say('c/1');
  await eventually(
    async () => worker.clock.slept,
    (slept) => slept.includes(2_000),
    30_000,
  );
  expect(worker.clock.slept.filter((ms) => ms !== watchdogTickMs && ms !== orphansLookedForMs).slice(0, 6)).toEqual([
    100, 200, 400, 800, 1_600, 2_000,
  ]);
});

test('a reply whose append was answered by silence is in the log twice at most, and counts once', async () => {
  await using world = await WorkerWorld.open();
  let lost = 0;
  const { provider } = world.worker({
    provider: echo(),
    fault: (records) => (typesOf(records).includes('ReplyCompleted') && lost++ < 2 ? 'lost-answer' : 'none'),
  });
  await world.say('c/1');
  await world.say('c/2');
  await world.ended('completed', 'c/2');
  expect((await world.ends()).map(({ messageId }) => messageId)).toEqual(['c/1', 'c/2']);
  expect(provider.asked).toEqual(['c/1', 'c/2']);
});

test('an attempt whose start is not written is answered all the same', async () => {
  await using world = await WorkerWorld.open();
  let refused = false;
  const worker = world.worker({
    fault: (records) => {
      if (refused || !typesOf(records).includes('ReplyStarted')) return 'none';
      refused = true;
      return 'refused';
    },
  });
  await world.say('c/1');
  await eventually(
    async () => worker.warnings,
    (warnings) => warnings.includes('the start of an attempt was not written'),
  );
  worker.provider.callFor('c/1').say('Yes.').end();
  await world.ended('completed', 'c/1');
});

test('a claim that the log does not take is made again, under an id of its own', async () => {
  await using world = await WorkerWorld.open();
  const faults = ['refused', 'lost-answer'] as const;
  let claims = 0;
  world.worker({
    provider: echo(),
    fault: (records) => (typesOf(records).includes('WorkerClaimed') ? (faults[claims++] ?? 'none') : 'none'),
  });
  await world.say('c/1');
  await world.ended('completed', 'c/1');
  const ids = (await world.events()).flatMap((event) => (event.type === 'WorkerClaimed' ? [event.claimId] : []));
  expect(new Set(ids).size).toBe(ids.length);
});

test('draining while the log is away ends in time, and the next start answers', async () => {
  await using world = await WorkerWorld.open();
  const worker = world.worker({ provider: echo() });
  await eventually(
    async () => world.events(),
    (events) => events.length === 1,
  );
  worker.log.appendFault = () => 'refused';
  await world.say('c/1');
  await eventually(
    async () => worker.warnings,
    (warnings) => warnings.length > 1,
  );
  await worker.drain(200);
  const appends = worker.log.appends;
  world.worker({ provider: echo() });
  expect(await world.ended('completed', 'c/1')).toMatchObject({ attempt: 1 });
  expect(worker.log.appends).toBe(appends);
});
