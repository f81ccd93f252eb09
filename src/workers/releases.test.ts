import { describe, expect, test } from '@jest/globals';
import { evolve, initialPartition, pendingMessage } from '../domain/conversation/partition-state.ts';
import { workerClaimed } from '../testing/conversation-events.ts';
import { ScriptedProvider } from '../testing/scripted-provider.ts';
import { eventually } from '../testing/test-sessions.ts';
import { type WorkerUnderTest, WorkerWorld } from '../testing/worker-world.ts';

function echo(): ScriptedProvider {
  const provider = new ScriptedProvider();
  provider.answer = (call) => call.say('You said: ', call.request.text).end();
  return provider;
}

/** Waits until the provider was asked so often in all. */
async function asked(provider: ScriptedProvider, times: number): Promise<void> {
  await eventually(
    async () => provider.asked,
    (ids) => ids.length >= times,
  );
}

/** How many claims the log says were given up in order. */
async function releases(world: WorkerWorld): Promise<number> {
  return (await world.events()).filter(({ type }) => type === 'WorkerReleased').length;
}

async function released(world: WorkerWorld, times: number): Promise<void> {
  await eventually(
    () => releases(world),
    (count) => count >= times,
  );
}

describe('a worker that comes after another', () => {
  // Cause: each claim counted a lost worker for whatever was in processing, however the one before had left.
  test.each<[string, (worker: WorkerUnderTest) => Promise<void>]>([
    ['was drained', (worker) => worker.drain(0)],
    ['was told that the partition is its own no more', async (worker) => worker.assign([])],
  ])('does not count one that %s as lost: no number of hand-overs makes a message poison', async (_how, leave) => {
    await using world = await WorkerWorld.open();
    await world.say('c/1');
    for (let handOver = 1; handOver <= 4; handOver += 1) {
      const worker = world.worker();
      await asked(worker.provider, 1);
      await world.logged(`started c/1 #${handOver}`);
      await leave(worker);
      await released(world, handOver);
    }
    world.worker({ provider: echo() });
    expect(await world.ended('completed', 'c/1')).toMatchObject({ attempt: 5 });
  });

  test('is told of it by one that lives and finds the partition claimed, too', async () => {
    await using world = await WorkerWorld.open();
    const first = world.worker();
    await world.say('c/1');
    await asked(first.provider, 1);
    await world.append(workerClaimed('next'));
    await eventually(
      async () => first.warnings,
      (warnings) => warnings.includes('another worker has claimed the partition'),
    );
    first.assign([]);
    await released(world, 1);
    const state = (await world.events()).reduce(
      (folded, event, offset) => evolve(folded, event, { offset, timeMs: 0 }),
      initialPartition,
    );
    expect(pendingMessage(state, 'c/1')).toMatchObject({ lostClaims: [] });
  });

  test('is told of it late where the log did not take it at once', async () => {
    await using world = await WorkerWorld.open();
    const first = world.worker();
    await world.say('c/1');
    await asked(first.provider, 1);
    await world.logged('started c/1 #1');
    first.log.appendFault = () => 'refused';
    first.assign([]);
    const second = world.worker();
    await asked(second.provider, 1);
    expect(await releases(world)).toBe(0);
    first.log.appendFault = () => 'none';
    await released(world, 1);
  });

  test('is told nothing by one that ended by a defect: what it was answering may have been the cause', async () => {
    await using world = await WorkerWorld.open();
    const first = world.worker();
    for (const id of ['c/1', 'd/1']) await world.say(id);
    await asked(first.provider, 2);
    const defect = new TypeError('x is not a function');
    Object.assign(first.metrics, {
      finished() {
        throw defect;
      },
    });
    first.provider.callFor('d/1').say('Yes.').end();
    await expect(first.ended).rejects.toBe(defect);
    await first.drain(0);
    expect(await releases(world)).toBe(0);
  });
});
