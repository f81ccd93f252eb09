import { expect, test } from '@jest/globals';
import { type Costs, exchangeMs, foldAt } from './costs.ts';
import { endsOf } from './ends.ts';
import { enginesOf, needsOf } from './needs.ts';
import { recordsPerMessage, trafficOf } from './traffic.ts';

const perRole = (ms: number) => ({ gateway: ms, worker: ms, projector: ms });

/** Round figures, so that what follows from them can be seen. */
const costs: Costs = {
  messageMs: perRole(1),
  mediaMessageMs: perRole(11),
  pieceMs: { gateway: 0.1, worker: 0.1, projector: 0, nats: 0.05 },
  heartbeatCpuMs: 0.1,
  sessionKB: 50,
  sessionsMeasured: 10_000,
  gatewayMib: 200,
  connectsPerS: 100,
  embeddedConnectsPerS: 400,
  logRecordsPerS: 30_000,
  rebuiltPerS: 10_000,
  auditedPerS: 50_000,
  sizes: {
    batchBytes: 0,
    recordBytes: {
      ConversationStarted: 100,
      MessageReceived: 400,
      ReplyStarted: 300,
      ReplyProgress: 350,
      ReplyCompleted: 400,
      ConnectionRequested: 300,
      ConnectionSpoke: 200,
      ConnectionClosed: 200,
      GatewayBeat: 200,
    },
    activeSessionBytes: 75,
    dataKeyBytes: 50,
    messageBytes: 500,
    replyBytes: 500,
    conversationBytes: 300,
    bytesPerTextByte: 3,
    writesPerExchange: 6,
    admissionBytesPerSession: 400,
    keyMemoryBytes: 100,
  },
  folds: [
    { sessions: 1_000, gateways: 1, visitMs: 0.1, beatMs: 1, activeInBeat: 200, snapshotMs: 1 },
    { sessions: 10_000, gateways: 1, visitMs: 1, beatMs: 10, activeInBeat: 2_000, snapshotMs: 10 },
  ],
  following: {
    record: { records: 100_000, recordUs: 10, fetchedUs: 10 },
    memory: [
      { partitions: 10, conversations: 10_000, messagesOfEach: 1, pending: 0, heapBytes: 20e6 },
      { partitions: 10, conversations: 100_000, messagesOfEach: 1, pending: 0, heapBytes: 70e6 },
      { partitions: 10, conversations: 100_000, messagesOfEach: 1, pending: 100_000, heapBytes: 90e6 },
    ],
  },
};

/** 86.4 messages of a client a day are 0.003 a second at three times the mean. */
const traffic = trafficOf([
  'messagesPerClientDay=86.4',
  'visitsPerClientDay=8.64',
  'mediaShare=0.1',
  'piecesPerReply=100',
]);

test('a message costs its text or its medium, and its pieces', () => {
  expect(exchangeMs(costs, 'gateway', traffic)).toBeCloseTo(0.9 * 1 + 0.1 * 11 + 100 * 0.1, 9);
});

test('rates are those of the peak, bytes those of a mean day', () => {
  const needs = needsOf(10_000, costs, traffic);
  expect(needs.messagesPerS).toBeCloseTo(30, 9);
  expect(needs.visitsPerS).toBeCloseTo(3, 9);
  expect(needs.processing).toBeCloseTo(150, 9);
  expect(needs.returnsPerS).toBeCloseTo(10_000 / 300, 9);
  // Four drafts of five seconds: the last has four fifths of the text.
  const perMessage = 400 + 300 + 400 + 120 + 800 + 4 * 350 + 640;
  expect(needs.log.conversationBytesPerDay).toBeCloseTo(10_000 * (86.4 * perMessage + 100 + 2 * 50), 3);
  expect(needs.log.activeBytesPerDay).toBeCloseTo((10_000 / 3) * 5_760 * 75, 3);
  expect(needs.media.objectsPerDay).toBeCloseTo(10_000 * 86.4 * 0.1 * 2, 6);
  expect(needs.media.putsPerS).toBeCloseTo(6, 9);
  expect(needs.live.piecesPerS).toBeCloseTo(3_000, 6);
  // A year of 260.2 records a day of conversations that history has, 605.8 with drafts, and of 25.92 of connections; beats of two gateways.
  expect(needs.rebuildS).toBeCloseTo((10_000 * 260.2 * 365) / 10_000, 3);
  expect(needs.auditS).toBeCloseTo(((10_000 * (605.8 + 25.92) + (2 / 3) * 86_400) * 365) / 50_000, 3);
  expect(needs.live.cores).toBeCloseTo(0.15, 9);
});

test('processes are as many as their CPU time or their sessions ask for, and one that may die', () => {
  const needs = needsOf(10_000, costs, traffic);
  // 30 messages of 12 ms, and 667 heartbeats of 0.1 ms: 0.43 of a core, where half of one may be used.
  expect(needs.gateways).toBe(1 + 1);
  expect(needs.workers).toBe(1 + 1);
  // 150 in processing, 35 in each partition.
  expect(needs.partitions).toBe(5);
  expect(needsOf(100_000, costs, traffic).gateways).toBe(10 + 1);
  const busy = trafficOf(['messagesPerClientDay=864', 'piecesPerReply=100']);
  // 300 messages of 12 ms and the heartbeats: 3.67 cores, where 0.458 of each is not taken by following.
  expect(needsOf(10_000, costs, busy).gateways).toBe(9 + 1);
});

test('a message is three records, and one for each second of the reply but the last or for each 2 KiB', () => {
  expect(recordsPerMessage(trafficOf(['replyS=5']))).toBe(7);
  expect(recordsPerMessage(trafficOf(['replyS=0.5']))).toBe(3);
  expect(recordsPerMessage(trafficOf(['replyS=5', 'replyBytes=20480']))).toBe(13);
});

test('every gateway follows the records of all clients of its deployment', () => {
  const [one, ten] = [needsOf(10_000, costs, traffic), needsOf(100_000, costs, traffic)];
  // 30 messages of 7 records, and 0.347 new conversations, of 20 µs each.
  expect(one.log.conversationRecordsPerS).toBeCloseTo(210.347, 3);
  expect(one.followCores).toBeCloseTo(0.00420694, 8);
  expect(ten.followCores).toBeCloseTo(10 * one.followCores, 8);
  // 7 MB of each partition.
  expect(one.followBytes).toBeCloseTo(one.partitions * 7e6, 3);
});

test('where following takes more than it may, gateways are counted as if it took just that', () => {
  const { gateways, followCores } = needsOf(100e6, costs, traffic);
  expect(followCores).toBeCloseTo(42.07, 2);
  // 300,000 messages of 12 ms, and 6.67 million heartbeats of 0.1 ms, by 0.25 of a core each.
  expect(gateways).toBe(Math.ceil((300_000 * 12 + (100e6 / 15) * 0.1) / 1_000 / 0.25) + 1);
});

test('engines that are shared are as many as what all write, hold or divide asks for', () => {
  const needs = needsOf(10_000, costs, traffic);
  expect(enginesOf(needs, 1, traffic)).toMatchObject({ partitionReplicas: 21, brokers: 3 });
  const { partitionReplicas, brokers, mongoShards } = enginesOf(needs, 10_000, traffic);
  expect(partitionReplicas).toBe(210_000);
  expect(brokers).toBeGreaterThanOrEqual(210_000 / 4_000);
  expect(mongoShards).toBeGreaterThanOrEqual((30 * 6 * 10_000) / 5_000);
});

test('the cost of folding lies on the line between what was measured, and grows with the sessions beyond', () => {
  expect(foldAt(costs.folds, 10)).toMatchObject({ visitMs: 0.1, beatMs: 1 });
  expect(foldAt(costs.folds, 1_000)).toMatchObject({ visitMs: 0.1, beatMs: 1 });
  expect(foldAt(costs.folds, 5_500)).toMatchObject({ visitMs: 0.55, beatMs: 5.5 });
  expect(foldAt(costs.folds, 20_000)).toMatchObject({ visitMs: 2, beatMs: 20 });
});

test('an end is where its need first is over what there can be', () => {
  const ends = endsOf(costs, traffic);
  const at = (what: RegExp) => ends.find((end) => what.test(end.what))?.clients ?? 0;
  expect(at(/document of who is connected, as one/)).toBe(41_943);
  expect(at(/connects that were/)).toBe(30_000);
  // 0.003 messages a second of a client, 5 s each, 70 % of 100,000.
  expect(at(/PROCESSING/) / (70_000 / 0.015)).toBeCloseTo(1, 2);
  // 0.25 of a core is 12,500 records a second.
  expect(at(/follows the conversations/) / (12_500 / 0.0210347)).toBeCloseTo(1, 2);
  // 1 GiB is 153 full partitions; of 35 messages in processing each.
  expect(at(/remembers of the conversations/) / ((153 * 35) / 0.015)).toBeCloseTo(1, 2);
  expect(ends.map(({ clients }) => clients)).toEqual(ends.map(({ clients }) => clients).toSorted((a, b) => a - b));
});
