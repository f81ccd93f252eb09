import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { systemClock } from '../src/adapters/clock/system/system-clock.ts';
import type { PartitionGroups } from '../src/ports/partition-groups.ts';
import { eventually } from '../src/testing/guests.ts';
import { GroupProjector } from './group-projector.ts';
import { historyModel } from './history/document.ts';
import { projections } from './models.ts';
import { messageReceived } from './testing/conversation-events.ts';
import { type Harness, openHarness } from './testing/harness.ts';

let harness: Harness;

beforeEach(async () => {
  harness = await openHarness();
});
afterEach(() => harness?.[Symbol.asyncDispose]());

/** Groups whose assignments the test gives. */
class GivenGroups implements PartitionGroups {
  readonly assign = new Map<string, (partitions: readonly number[]) => void>();
  left: string[] = [];

  async join(group: string, _topic: string, onAssigned: (partitions: readonly number[]) => void) {
    this.assign.set(group, onAssigned);
    return { [Symbol.asyncDispose]: async () => void this.left.push(group) };
  }
}

function projector(groups: PartitionGroups): GroupProjector {
  const onFault = (error: unknown) => {
    throw error;
  };
  const { journal, store } = harness;
  const options = { journal, store, projections, groups, group: 'test.projectors', clock: systemClock };
  return new GroupProjector({ ...options, onFault, onEnded: onFault });
}

async function folded(partition: number, offset: number): Promise<void> {
  await eventually(
    async () => (await harness.store.checkpoint(historyModel, harness.journal.topics.conversations, partition)).offset,
    (found) => found === offset,
  );
}

test('folds the partitions that it is given, and no others; and goes on where the checkpoints are when they change', async () => {
  const groups = new GivenGroups();
  {
    await using running = projector(groups);
    running.start();
    await eventually(
      async () => groups.assign.size,
      (joined) => joined === 2,
    );
    await harness.append(0, messageReceived('a'));
    await harness.append(1, messageReceived('b'));
    groups.assign.get('test.projectors.test.conversations')?.([1]);
    await folded(1, 1);
    await folded(0, 0);
    groups.assign.get('test.projectors.test.conversations')?.([0]);
    await folded(0, 1);
    await harness.append(1, messageReceived('c'));
    await harness.append(0, messageReceived('d'));
    await folded(0, 2);
    await folded(1, 1);
    groups.assign.get('test.projectors.test.conversations')?.([0, 1]);
    await folded(1, 2);
  }
  expect(groups.left.toSorted()).toEqual(['test.projectors.test.connections', 'test.projectors.test.conversations']);
});

test('stops folding what it has no more, also when the changes come one upon another', async () => {
  const groups = new GivenGroups();
  await using running = projector(groups);
  running.start();
  await eventually(
    async () => groups.assign.size,
    (joined) => joined === 2,
  );
  const assign = groups.assign.get('test.projectors.test.conversations');
  for (const partitions of [[0, 1], [], [1], [0, 1], [0]]) assign?.(partitions);
  await harness.append(1, messageReceived('b'));
  await harness.append(0, messageReceived('a'));
  await folded(0, 1);
  await folded(1, 0);
});
