import { expect, test } from '@jest/globals';
import type { AdmissionEvent } from '../../domain/admission/events.ts';
import type { ParleyEvent } from '../../ports/event-codec.ts';
import { messageReceived, replyCompleted, replyStarted, workerClaimed } from '../../testing/conversation-events.ts';
import { eventCodec } from '../../testing/event-codec.ts';
import { PlainLog } from '../copying/testing/plain-log.ts';
import { Journal } from '../journal.ts';
import { type OtherLimits, whatIf } from './what-if.ts';

const dayMs = 86_400_000;

function logOf(
  connections: readonly (readonly [number, AdmissionEvent])[],
  messages: readonly (readonly [number, ParleyEvent])[],
) {
  const log = new PlainLog({ 'test.connections': 1, 'test.conversations': 1 });
  const put =
    (topic: string) =>
    ([timeMs, event]: readonly [number, ParleyEvent]) =>
      log.put({ topic, partition: 0, key: '', ...eventCodec.encode(event), timeMs });
  connections.forEach(put('test.connections'));
  messages.forEach(put('test.conversations'));
  return new Journal(log, eventCodec, 'test');
}

const asked = (clientId: string, waitMs = 0): AdmissionEvent => ({
  type: 'ConnectionRequested',
  sessionId: `of ${clientId}`,
  clientId,
  gatewayId: 'g',
  timeZone: 'UTC',
  conversationId: '',
  tokenHash: '',
  resumeTokenHash: '',
  waitMs,
});
const spoke = (clientId: string): AdmissionEvent => ({ type: 'ConnectionSpoke', sessionId: `of ${clientId}` });
const left = (clientId: string): AdmissionEvent => ({
  type: 'ConnectionClosed',
  sessionId: `of ${clientId}`,
  reason: 'GOODBYE',
  detail: '',
});
const limits = { maxClients: 2, maxWaitingClients: 0, gatewayLeaseMs: 15_000, firstMessageDeadlineMs: 60_000 };
const started: AdmissionEvent = { type: 'GatewayStarted', gatewayId: 'g', limits, incarnation: 'i', clockRule: 1 };

/** Two come, a third is refused, one leaves, a fourth comes. */
const connections = [started, asked('a'), spoke('a'), asked('b'), spoke('b'), asked('c'), left('a'), asked('d')].map(
  (event, index) => [1_000 * (index + 1), event] as const,
);

function ask(journal: Journal, other: Partial<OtherLimits>, fromMs = 0, toMs = Infinity) {
  return whatIf({ journal, limits: { budgets: [], ...other }, fromMs, toMs });
}

test('other limits of sessions let in, or keep out, others', async () => {
  const journal = logOf(connections, []);
  const were = { maxClients: 2, opened: 3, refused: 1, mostOpen: 2, mostWaiting: 0 };
  expect(await ask(journal, {})).toMatchObject({ records: 8, were, wouldBe: were });
  expect(await ask(journal, { maxClients: 3 })).toMatchObject({
    were,
    wouldBe: { maxClients: 3, opened: 4, refused: 0, mostOpen: 3 },
  });
  expect((await ask(journal, { maxClients: 1 })).wouldBe).toMatchObject({ opened: 2, refused: 2, mostOpen: 1 });
});

test('only what is in the span of time is counted, and all is folded', async () => {
  const { were } = await ask(logOf(connections, []), {}, 6_000, 8_000);
  expect(were).toMatchObject({ opened: 0, refused: 1, mostOpen: 2 });
});

test('a budget of tokens or cost says by how much replies went over it, in the period of their message', async () => {
  const said = (clientId: string, messageId: string) => messageReceived(messageId, { clientId });
  const none = { cachedInputTokens: 0, reasoningTokens: 0, soundInMs: 0, soundOutMs: 0, picturesIn: 0, picturesOut: 0 };
  const used = (attempt: number, outputTokens: number, microUnits?: number) => ({
    ...{ end: 'completed' as const, provider: 'p', model: 'm', durationMs: 5, estimated: false, ...none },
    attempt,
    inputTokens: 10,
    outputTokens,
    ...(microUnits !== undefined && { cost: { microUnits, priceVersion: 1 } }),
  });
  const messages = [
    [1, workerClaimed('w')],
    [dayMs - 1, said('ann', 'c/1')],
    [dayMs + 1, { ...replyStarted('c/1', 'w', 2), ended: [used(1, 5, 7)] }],
    [dayMs + 2, replyCompleted('c/1', 'w', { attempt: 2, ended: [used(1, 5, 7), used(2, 15)] })],
    [dayMs + 3, said('bob', 'c/2')],
    [dayMs + 4, replyCompleted('c/2', 'w', { ended: [used(1, 90, 100)] })],
  ] as const;
  const budgets = [
    { scope: { kind: 'all' }, period: 'day', unit: 'tokens', amount: 30 },
    { scope: { kind: 'each' }, period: 'month', unit: 'cost', amount: 50 },
  ] as const;
  const report = await ask(logOf([], messages), { budgets });
  expect(report).toMatchObject({ messages: 2, used: { tokens: 140, cost: 107 } });
  expect(report.budgets.map(({ over, clients, usedUp }) => [over, clients, usedUp])).toEqual([
    [80, 2, 2],
    [50, 1, 1],
  ]);
});

test('a budget by itself says how many of the messages were over it, and repeats are none', async () => {
  const said = (clientId: string, messageId: string) => messageReceived(messageId, { clientId });
  const messages = [
    [1, workerClaimed('w')],
    [1, said('ann', 'c/1')],
    [2, said('ann', 'c/2')],
    [3, said('ann', 'c/2')],
    [4, said('bob', 'c/3')],
    [5, replyStarted('c/1', 'w')],
    [6, replyCompleted('c/1', 'w')],
    [dayMs + 1, said('ann', 'c/4')],
  ] as const;
  const budgets = [
    { scope: { kind: 'all' }, period: 'day', unit: 'messages', amount: 2 },
    { scope: { kind: 'each' }, period: 'day', unit: 'messages', amount: 1 },
    { scope: { kind: 'client', clientId: 'bob' }, period: 'month', unit: 'messages', amount: 0 },
  ] as const;
  const report = await ask(logOf([], messages), { budgets });
  expect(report.messages).toBe(4);
  expect(report.budgets.map(({ over, clients, usedUp }) => [over, clients, usedUp])).toEqual([
    [1, 2, 1],
    [1, 1, 1],
    [1, 1, 1],
  ]);
  expect((await ask(logOf([], messages), { budgets }, dayMs)).budgets.map(({ over }) => over)).toEqual([0, 0, 0]);
});
