import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { systemClock } from '../../src/adapters/node/system-clock.ts';
import { MemoryGroupServer } from '../../src/testing/memory/partition-groups/memory-groups.ts';
import { eventually } from '../../src/testing/test-sessions.ts';
import { historyModel } from '../history/document.ts';
import { projections } from '../models.ts';
import { messageReceived } from '../testing/conversation-events.ts';
import { type Harness, openHarness } from '../testing/harness.ts';
import { GroupProjector } from './group-projector.ts';

/** The projector's groups. */
const [connections, conversations] = [
  'test.projectors.test.connections',
  'test.projectors.test.conversations',
] as const;

let harness: Harness;

beforeEach(async () => {
  harness = await openHarness();
});
afterEach(() => harness?.[Symbol.asyncDispose]());

/** Whose partitions move only as a test wants it. */
function standingGroups(): MemoryGroupServer {
  return new MemoryGroupServer(
    () => 2,
    () => undefined,
  );
}

function projector(server: MemoryGroupServer): GroupProjector {
  const onFault = (error: unknown) => {
    throw error;
  };
  const { journal, store } = harness;
  const groups = server.member('projector');
  const options = { journal, store, projections, groups, group: 'test.projectors', clock: systemClock };
  return new GroupProjector({ ...options, onFault, onEnded: onFault });
}

async function joined(groups: MemoryGroupServer): Promise<void> {
  await eventually(
    async () => [connections, conversations].map((group) => groups.assignments(group).size),
    (members) => members.join() === '1,1',
  );
}

async function folded(partition: number, offset: number): Promise<void> {
  await eventually(
    async () => (await harness.store.checkpoint(historyModel, harness.journal.topics.conversations, partition)).offset,
    (found) => found === offset,
  );
}

test('folds the partitions that it is given, and no others; and goes on where the checkpoints are when they change', async () => {
  const groups = standingGroups();
  {
    await using running = projector(groups);
    running.start();
    await joined(groups);
    await harness.append(0, messageReceived('a'));
    await harness.append(1, messageReceived('b'));
    groups.move(conversations, { projector: [1] });
    await folded(1, 1);
    await folded(0, 0);
    groups.move(conversations, { projector: [0] });
    await folded(0, 1);
    await harness.append(1, messageReceived('c'));
    await harness.append(0, messageReceived('d'));
    await folded(0, 2);
    await folded(1, 1);
    groups.move(conversations, { projector: [0, 1] });
    await folded(1, 2);
  }
  expect([connections, conversations].map((group) => groups.assignments(group).size)).toEqual([0, 0]);
});

test('stops folding what it has no more, also when the changes come one upon another', async () => {
  const groups = standingGroups();
  await using running = projector(groups);
  running.start();
  await joined(groups);
  for (const partitions of [[0, 1], [], [1], [0, 1], [0]]) groups.move(conversations, { projector: partitions });
  await harness.append(1, messageReceived('b'));
  await harness.append(0, messageReceived('a'));
  await folded(0, 1);
  await folded(1, 0);
});
