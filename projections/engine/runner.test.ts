import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/adapters/node/system-clock.ts';
import { type DocumentWrite, type ReadModelStore, ReadModelUnavailable } from '../../src/ports/read-model.ts';
import { eventually } from '../../src/testing/test-sessions.ts';
import { activeConnectionsProjection } from '../active-connections/project.ts';
import { activeConnections } from '../active-connections/query.ts';
import { historyModel } from '../history/document.ts';
import { historyProjection } from '../history/project.ts';
import { history, processingTotals } from '../history/query.ts';
import {
  conversationDeleted,
  messageReceived,
  replyCompleted,
  replyStarted,
  workerClaimed,
} from '../testing/conversation-events.ts';
import { type Harness, openHarness, projectAll } from '../testing/harness.ts';
import { deadLettersOf } from './dead-letters.ts';
import { Pace } from './pace.ts';
import type { Projection } from './projection.ts';
import { rebuildModel } from './rebuild.ts';
import { runProjector } from './runner.ts';

let harness: Harness;

beforeEach(async () => {
  harness = await openHarness();
});
afterEach(() => harness?.[Symbol.asyncDispose]());

const noLimits = { maxClients: 50, maxWaitingClients: 10, gatewayLeaseMs: 15_000, firstMessageDeadlineMs: 60_000 };
const historyOnly = [historyProjection as Projection];

/** The store, whose `apply` fails as told: before or after it has written. */
function failing(store: ReadModelStore, times: number, when: 'before' | 'after'): ReadModelStore {
  let left = times;
  return {
    collection: (spec) => store.collection(spec),
    checkpoint: (model, topic, partition) => store.checkpoint(model, topic, partition),
    rebuild: (model) => store.rebuild(model),
    scrub: () => store.scrub(),
    async apply(writes, checkpoints) {
      if (left > 0 && when === 'before' && left--) throw new ReadModelUnavailable('not now');
      await store.apply(writes, checkpoints);
      if (left > 0 && left--) throw new ReadModelUnavailable('not now');
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

test('everything in the log is in the models, from all partitions and both topics', async () => {
  await harness.append(0, workerClaimed('claim'), messageReceived('a'), replyStarted('a'), messageReceived('b'));
  await harness.append(1, messageReceived('c', { conversationId: 'elsewhere' }));
  await harness.journal.appendConnection([
    { type: 'GatewayStarted', gatewayId: 'g', limits: noLimits },
    {
      type: 'ConnectionRequested',
      sessionId: 's',
      clientId: 'ann',
      gatewayId: 'g',
      timeZone: 'Europe/Paris',
      conversationId: 'talk',
      tokenHash: 't',
      resumeTokenHash: '',
      waitMs: 0,
    },
  ]);
  await harness.project();
  expect(await history(harness.store).getMessage('a')).toMatchObject({ status: 'processing' });
  expect(await history(harness.store).getMessage('c')).toMatchObject({ status: 'queued', conversationId: 'elsewhere' });
  expect(await processingTotals(harness.store)).toMatchObject({ processing: 1, queued: 2 });
  const snapshot = await activeConnections(harness.store).snapshot();
  expect(snapshot).toMatchObject({ nextOffset: 2, state: { limits: noLimits, waiting: [] } });
  expect([...(snapshot?.state.open.values() ?? [])]).toMatchObject([{ sessionId: 's', clientId: 'ann' }]);
});

test('a model with an interval of its own is written once in it, while others go on; the end does not wait for it', async () => {
  const gatewayStarted = { type: 'GatewayStarted', gatewayId: 'g', limits: noLimits } as const;
  await harness.journal.appendConnection([gatewayStarted]);
  await harness.append(0, messageReceived('a'));
  const over = new AbortController();
  const connectionsAnHour = { ...activeConnectionsProjection, leastIntervalMs: 3_600_000 } as Projection;
  const running = runProjector({
    journal: harness.journal,
    store: harness.store,
    projections: [historyProjection as Projection, connectionsAnHour],
    // The log has just taken them.
    clock: { ...systemClock, nowMs: () => 1_000 },
    pace: new Pace(systemClock, 1, () => false),
    signal: over.signal,
  });
  const folded = async () => (await activeConnections(harness.store).snapshot())?.nextOffset ?? 0;
  const isKnown = async (messageId: string) => (await history(harness.store).getMessage(messageId)) !== null;
  // The first turn is at once.
  await eventually(folded, (offset) => offset === 1);
  await harness.journal.appendConnection([gatewayStarted]);
  await eventually(folded, (offset) => offset === 2);
  await eventually(() => isKnown('a'), Boolean);
  await harness.journal.appendConnection([gatewayStarted]);
  for (const messageId of ['b', 'c', 'd']) {
    await harness.append(0, messageReceived(messageId));
    await eventually(() => isKnown(messageId), Boolean);
  }
  expect(await folded()).toBe(2);
  over.abort();
  await running;
  await harness.project();
  expect(await folded()).toBe(3);
});

test('a projector that starts again goes on where the models stand', async () => {
  await harness.append(0, workerClaimed('claim'), messageReceived('a'));
  await harness.project();
  await harness.append(0, messageReceived('a'), replyCompleted('a'), messageReceived('b'));
  await harness.project();
  const { items } = await history(harness.store).listMessages('talk', { limit: 10 });
  expect(items.map(({ messageId, status }) => [messageId, status])).toEqual([
    ['a', 'completed'],
    ['reply-to-a', 'completed'],
    ['b', 'queued'],
  ]);
});

test('a stalled worker cannot answer after another has claimed the partition, also when the projector restarted between', async () => {
  await harness.append(0, workerClaimed('first'), messageReceived('a'), replyStarted('a', { claimId: 'first' }));
  await harness.append(0, workerClaimed('second'));
  await harness.project();
  await harness.append(
    0,
    replyCompleted('a', { claimId: 'first' }),
    workerClaimed('first'),
    replyCompleted('a', { claimId: 'first' }),
  );
  await harness.project();
  expect(await history(harness.store).getMessage('a')).toMatchObject({ status: 'processing', finalSequence: null });
  await harness.append(0, replyCompleted('a', { claimId: 'second', attempt: 2 }));
  await harness.project();
  expect(await history(harness.store).getMessage('a')).toMatchObject({ status: 'completed', finalSequence: 7 });
});

test('a record that cannot be decoded is parked with its place; its neighbours and unknown events go on', async () => {
  await harness.append(0, messageReceived('a'));
  await harness.appendBytes(0, 'chat_events.v1.MessageReceived', new Uint8Array([0xff, 0xff, 0xff]));
  await harness.appendBytes(0, 'chat_events.v1.OfALaterRelease', new Uint8Array([1, 2, 3]));
  await harness.append(0, messageReceived('b'));
  const parked = await harness.project();
  const place = { topic: 'test.conversations', partition: 0, offset: 1 };
  expect(parked).toMatchObject([place]);
  expect(parked[0]?.reason).toContain('MessageReceived');
  expect(await deadLettersOf(harness.store, 'test.conversations', 10)).toMatchObject([place]);
  expect(await history(harness.store).getMessage('b')).toMatchObject({ sequence: 3 });
});

describe('a store that cannot be used for a while', () => {
  test.each(['before', 'after'] as const)(
    'is tried again, and nothing is skipped or doubled: failing %s writing',
    async (when) => {
      await harness.append(0, workerClaimed('claim'), messageReceived('a'), replyCompleted('a'));
      await projectAll(harness.journal, failing(harness.store, 3, when), historyOnly);
      expect(await history(harness.store).getConversation('talk')).toMatchObject({ messageCount: 2, lastSequence: 2 });
    },
  );

  test('that stores documents but not the checkpoint comes to the same documents', async () => {
    await harness.append(0, workerClaimed('first'), messageReceived('a'), workerClaimed('second'));
    const applied: DocumentWrite[] = [];
    await projectAll(
      harness.journal,
      { ...failing(harness.store, 0, 'after'), apply: async (writes) => void applied.push(...writes) },
      historyOnly,
    );
    await harness.store.apply(applied.slice(0, 1), []);
    await harness.append(0, replyCompleted('a', { claimId: 'first' }), replyCompleted('a', { claimId: 'second' }));
    await harness.project();
    expect(await history(harness.store).getMessage('a')).toMatchObject({ status: 'completed', finalSequence: 4 });
    expect(await history(harness.store).getConversation('talk')).toMatchObject({ messageCount: 2 });
    expect(await processingTotals(harness.store)).toMatchObject({ processing: 0, queued: 0 });
  });
});

test('what a deletion removes is scrubbed from the store soon, and tried again until it is', async () => {
  await harness.append(0, messageReceived('a'));
  const answers: boolean[] = [];
  const over = new AbortController();
  const store: ReadModelStore = {
    ...failing(harness.store, 0, 'before'),
    scrub: async () => {
      answers.push(answers.length % 2 === 1);
      if (answers.length === 2) await harness.append(0, conversationDeleted());
      if (answers.length === 4) over.abort();
      return answers.at(-1) === true;
    },
  };
  let looks = 0;
  const sleep = (_ms: number, signal?: AbortSignal) => {
    looks += 1;
    // More than it takes by far: then it has been forgotten.
    if (looks === 500) over.abort();
    return systemClock.sleep(5, signal);
  };
  const clock = { ...systemClock, sleep };
  await runProjector({ journal: harness.journal, store, projections: historyOnly, clock, signal: over.signal });
  // At first, for what may be left of the last run; then once more for the deletion; each time until it was done.
  expect(answers).toEqual([false, true, false, true]);
});

describe('a model begins again', () => {
  test('when it knows more than the log: it was made from another one', async () => {
    await harness.append(0, messageReceived('a'));
    const checkpoint = { model: historyModel, topic: 'test.conversations', partition: 0, offset: 99, state: null };
    await harness.store.apply([], [checkpoint]);
    await harness.project();
    expect(await history(harness.store).getMessage('a')).toMatchObject({ sequence: 0 });
    expect(await harness.store.checkpoint(historyModel, 'test.conversations', 0)).toMatchObject({ offset: 1 });
  });

  test('when the log becomes shorter while a projector runs, which says so', async () => {
    const topic = harness.journal.topics.conversations;
    const over = new AbortController();
    const truncated: string[] = [];
    await harness.append(0, messageReceived('a'), messageReceived('b'), messageReceived('c'));
    const running = runProjector({
      ...harness,
      projections: historyOnly,
      clock: systemClock,
      signal: over.signal,
      onTruncated: (model, { offset, endOffset }) => truncated.push(`${model} ${offset} ${endOffset}`),
    });
    const read = () => history(harness.store).getMessage('c');
    await eventually(read, (message) => message !== null);
    harness.server.truncate(topic, 0, 1);
    await eventually(read, (message) => message === null);
    await harness.append(0, messageReceived('d'));
    await eventually(
      () => history(harness.store).getMessage('d'),
      (message) => message?.sequence === 1,
    );
    over.abort();
    await running;
    expect(truncated).toEqual(['history 3 1']);
  });

  test('when it is rebuilt while a projector runs, which goes on with the new generation', async () => {
    await harness.append(0, messageReceived('a'));
    await harness.project();
    const rebuilt = rebuildModel({
      journal: harness.journal,
      store: harness.store,
      projection: historyProjection as Projection,
    });
    await harness.append(0, messageReceived('b'), messageReceived('c'));
    await Promise.all([rebuilt, harness.project()]);
    await harness.project();
    const { items } = await history(harness.store).listMessages('talk', { limit: 10 });
    expect(items.map(({ messageId }) => messageId)).toEqual(['a', 'b', 'c']);
  });
});

describe('rebuilding', () => {
  const rebuild = (compare: boolean, onProgress?: (done: number, total: number) => void) =>
    rebuildModel({
      journal: harness.journal,
      store: harness.store,
      projection: historyProjection as Projection,
      compare,
      ...(onProgress && { onProgress }),
    });

  test('gives equal documents, tells how far it is, and switches', async () => {
    await harness.append(0, workerClaimed('claim'), messageReceived('a'), replyCompleted('a'), messageReceived('a'));
    await harness.append(1, messageReceived('b', { conversationId: 'elsewhere' }));
    await harness.project();
    await harness.append(1, messageReceived('c', { conversationId: 'elsewhere' }));
    const steps: [number, number][] = [];
    expect(await rebuild(true, (done, total) => steps.push([done, total]))).toEqual({
      records: 6,
      compared: true,
      differences: [],
    });
    expect(steps.at(-1)).toEqual([6, 6]);
    expect(await history(harness.store).getMessage('a')).toMatchObject({ status: 'completed' });
    expect(await history(harness.store).getMessage('c')).toMatchObject({ sequence: 1 });
  });

  test('names documents that differ, are missing, or should not be there, and mends them', async () => {
    await harness.append(0, workerClaimed('claim'), messageReceived('a'), messageReceived('b'));
    await harness.project();
    const a = await history(harness.store).getMessage('a');
    const wrong = [
      { collection: 'messages', id: 'a', offset: 100, document: { ...a, clientId: 'eve' } },
      { collection: 'messages', id: 'b', offset: 100, document: null },
      { collection: 'messages', id: 'x', offset: 100, document: { ...a, messageId: 'x' } },
    ];
    await harness.store.apply(wrong, []);
    const { differences } = await rebuild(true);
    expect(differences.map(({ id, old, rebuilt }) => [id, old !== null, rebuilt !== null])).toEqual([
      ['a', true, true],
      ['x', true, false],
      ['b', false, true],
    ]);
    expect(await history(harness.store).getMessage('a')).toEqual(a);
    expect(await history(harness.store).getMessage('x')).toBeNull();
  });
});

// Nobody looked at what was folded already: what an older copy lacked came with the next record of its partition at the earliest, or never.
test('a store that was replaced by an older copy is folded up again, though nothing more is said', async () => {
  await using other = await openHarness();
  await harness.append(0, messageReceived('a'));
  await harness.append(1, messageReceived('b', { conversationId: 'elsewhere' }));
  let current: ReadModelStore = harness.store;
  const store: ReadModelStore = {
    collection: (spec) => current.collection(spec),
    checkpoint: (...place) => current.checkpoint(...place),
    rebuild: (model) => current.rebuild(model),
    scrub: () => current.scrub(),
    apply: (...writes) => current.apply(...writes),
    [Symbol.asyncDispose]: async () => {},
  };
  const over = new AbortController();
  const faults: unknown[] = [];
  const running = runProjector({
    journal: harness.journal,
    store,
    projections: historyOnly,
    clock: systemClock,
    signal: over.signal,
    onFault: (...fault) => faults.push(fault),
  });
  const found = () => Promise.all(['a', 'b'].map((id) => history(current).getMessage(id)));
  await eventually(found, (messages) => messages.every((message) => message !== null));
  current = other.store;
  await eventually(found, (messages) => messages.every((message) => message !== null));
  over.abort();
  await running;
  expect(faults).toEqual([]);
});
