import { expect, test } from '@jest/globals';
import type { LogRecord } from '../../ports/event-log.ts';
import {
  messageReceived,
  replyCompleted,
  replyProgress,
  replyStarted,
  workerClaimed,
} from '../../testing/conversation-events.ts';
import { eventCodec } from '../../testing/event-codec.ts';
import { PlainLog } from '../copying/testing/plain-log.ts';
import { Journal } from '../journal.ts';
import { auditLog } from './audit.ts';

/** A log to which somebody else writes whenever it is read. */
class GrowingLog extends PlainLog {
  #said = 0;

  say(): void {
    this.#said += 1;
    const { headers, value } = eventCodec.encode(messageReceived(`c${this.#said}/m`));
    this.put({ topic: 'test.conversations', partition: 0, key: `c${this.#said}`, headers, value, timeMs: this.#said });
  }

  override async read(...where: Parameters<PlainLog['read']>): Promise<readonly LogRecord[]> {
    this.say();
    return super.read(...where);
  }
}

test('a log that is written to meanwhile is audited up to where it ended at the beginning', async () => {
  const log = new GrowingLog({ 'test.connections': 1, 'test.conversations': 1 });
  for (let count = 0; count < 1_500; count += 1) log.say();
  const steps: [number, number][] = [];
  const onProgress = (done: number, total: number) => steps.push([done, total]);
  const report = await auditLog({ journal: new Journal(log, eventCodec, 'test'), onProgress });
  expect(report).toMatchObject({ records: 1_500, messages: { accepted: 1_500, pending: 1_500 }, breaches: [] });
  expect(steps).toEqual([
    [1_000, 1_500],
    [1_500, 1_500],
  ]);
});

test('a reply that does not go on from what the log has of its draft is a breach, unless it does not count', async () => {
  const log = new PlainLog({ 'test.connections': 1, 'test.conversations': 1 });
  const said = (text: string) => ({ parts: [{ kind: 'text', text }] }) as const;
  const events = [
    workerClaimed('a'),
    messageReceived('c/1'),
    replyStarted('c/1', 'a'),
    replyProgress('c/1', 'a', { offsetBytes: 0, text: 'Once ' }),
    workerClaimed('b'),
    replyCompleted('c/1', 'a', said('Something else')),
    replyStarted('c/1', 'b', 2, 6),
    replyCompleted('c/1', 'b', { ...said('Twice'), attempt: 2 }),
  ];
  for (const [timeMs, event] of events.entries())
    log.put({ topic: 'test.conversations', partition: 0, key: 'c', ...eventCodec.encode(event), timeMs });
  const { breaches } = await auditLog({ journal: new Journal(log, eventCodec, 'test') });
  expect(breaches.map(({ offset, what }) => [offset, what])).toEqual([
    [6, 'attempt 2 at c/1 goes on from 6 bytes, of which the log has 5'],
    [7, 'the reply to c/1 does not begin with what the log has of its draft'],
  ]);
});

test('an attempt that costs other than the prices of its call say is a breach', async () => {
  const log = new PlainLog({ 'test.connections': 1, 'test.conversations': 1, 'test.spending': 1 });
  const units = {
    inputPerMillion: 1_000_000,
    cachedInputPerMillion: 0,
    outputPerMillion: 2_000_000,
    soundInPerMinute: 0,
    soundOutPerMinute: 0,
    pictureIn: 0,
    pictureOut: 0,
  };
  const models = [{ provider: 'p', model: 'm', prices: units }];
  const list = { type: 'PriceListSet', listId: 'l1', setBy: '', currency: 'EUR', prices: models } as const;
  log.put({ topic: 'test.spending', partition: 0, key: '', ...eventCodec.encode(list), timeMs: 1 });
  const call = { provider: 'p', model: 'm', inputTokens: 5, prices: { version: 1, prices: units } };
  const used = {
    ...{ attempt: 1, end: 'completed' as const, provider: 'p', model: 'm', durationMs: 0, estimated: false },
    ...{ inputTokens: 5, cachedInputTokens: 0, outputTokens: 3, reasoningTokens: 0 },
    ...{ soundInMs: 0, soundOutMs: 0, picturesIn: 0, picturesOut: 0 },
  };
  const cost = (microUnits: number, priceVersion = 1) => ({ cost: { microUnits, priceVersion } });
  const ends = [cost(11), cost(10), {}, cost(11, 2)];
  const events = [
    workerClaimed('a'),
    ...ends.flatMap((costs, index) => [
      messageReceived(`c/${index}`),
      { ...replyStarted(`c/${index}`, 'a'), call },
      replyCompleted(`c/${index}`, 'a', { ended: [{ ...used, ...costs }] }),
    ]),
    messageReceived('c/dear'),
    { ...replyStarted('c/dear', 'a'), call: { ...call, prices: { version: 1, prices: { ...units, pictureIn: 9 } } } },
  ];
  for (const [timeMs, event] of events.entries())
    log.put({ topic: 'test.conversations', partition: 0, key: 'c', ...eventCodec.encode(event), timeMs });
  const report = await auditLog({ journal: new Journal(log, eventCodec, 'test') });
  expect(report.breaches.map(({ offset, what }) => [offset, what])).toEqual([
    [6, 'attempt 1 at c/1 costs 10, should cost 11'],
    [9, 'attempt 1 at c/2 costs by price list 0, and began by 1'],
    [12, 'attempt 1 at c/3 costs by price list 2, and began by 1'],
    [14, 'attempt 1 at c/dear has prices that are not those of list 1'],
  ]);
  expect(report).toMatchObject({ prices: { lists: 1, currency: 'EUR' }, usage: { priced: 3, costMicros: 32 } });
});

test('a message may be granted anew by its worker, and used is what its own events say', async () => {
  const log = new PlainLog({ 'test.connections': 1, 'test.conversations': 1, 'test.spending': 1 });
  const spend = (tokens: number) => ({ tokens, cost: 0 });
  const asks = (messageId: string, least: number) => {
    const reserve = { least: spend(least), most: spend(60), partition: 0, fromOffset: 0 };
    return { type: 'MessageBudgeted', messageId, clientId: 'ann', reserve } as const;
  };
  const settled = (messageId: string, tokens: number) =>
    ({ type: 'MessageSettled', messageId, used: spend(tokens) }) as const;
  const spending = [
    { type: 'BudgetSet', setBy: '', scope: { kind: 'each' }, period: 'day', unit: 'tokens', amount: 100 } as const,
    ...[asks('c/1', 10), asks('c/2', 10), asks('c/3', 10)],
    asks('c/1', 61),
    { type: 'ReservationReleased', messageId: 'c/3', grantOffset: 3 } as const,
    ...[settled('c/1', 30), settled('c/2', 21)],
  ];
  for (const [timeMs, event] of spending.entries())
    log.put({ topic: 'test.spending', partition: 0, key: '', ...eventCodec.encode(event), timeMs });
  const said = (messageId: string, spendingOffset: number) =>
    messageReceived(messageId, { clientId: 'ann', spendingOffset, hasReservation: true });
  const usage = (outputTokens: number) => ({
    ...{ attempt: 1, end: 'completed' as const, provider: 'p', model: 'm', durationMs: 5, estimated: false },
    ...{ inputTokens: 10, cachedInputTokens: 0, outputTokens, reasoningTokens: 0 },
    ...{ soundInMs: 0, soundOutMs: 0, picturesIn: 0, picturesOut: 0 },
  });
  const events = [
    ...[workerClaimed('w'), said('c/1', 2), said('c/2', 3), said('c/3', 6)],
    replyCompleted('c/1', 'w', { ended: [usage(20)] }),
    replyCompleted('c/2', 'w', { ended: [usage(10)] }),
    replyCompleted('c/3', 'w', { ended: [usage(60)] }),
  ];
  for (const [timeMs, event] of events.entries())
    log.put({ topic: 'test.conversations', partition: 0, key: 'c', ...eventCodec.encode(event), timeMs });
  const report = await auditLog({ journal: new Journal(log, eventCodec, 'test') });
  expect(report.breaches.map(({ offset, what }) => [offset, what])).toEqual([
    [3, 'message c/3 was accepted without a grant of the budgets of ann'],
    [5, 'message c/2 used 20 tokens and 0 micro-units, and was settled as 21 tokens and 0 micro-units'],
    [6, 'replies used 120 of 100 tokens of the day (ann 1970-01-01T00:00:00.000Z)'],
  ]);
  expect(report.budgets).toMatchObject({ granted: 3, refused: 0, overrun: 1, closest: { counted: 90 } });
});

test('a message without a grant of the budgets that its gateway knew of is a breach', async () => {
  const log = new PlainLog({ 'test.connections': 1, 'test.conversations': 1, 'test.spending': 1 });
  const asks = (messageId: string) => ({ type: 'MessageBudgeted', messageId, clientId: 'ann' }) as const;
  const spending = [
    { type: 'BudgetSet', setBy: '', scope: { kind: 'each' }, period: 'day', unit: 'messages', amount: 2 } as const,
    ...['c/1', 'c/2', 'c/3'].map(asks),
  ];
  for (const [timeMs, event] of spending.entries())
    log.put({ topic: 'test.spending', partition: 0, key: '', ...eventCodec.encode(event), timeMs });
  const said = (messageId: string, spendingOffset?: number) =>
    messageReceived(messageId, { clientId: 'ann', ...(spendingOffset !== undefined && { spendingOffset }) });
  const events = [
    said('c/0'),
    said('c/1', 2),
    said('c/2', 2),
    said('c/2', 3),
    said('c/3', 4),
    said('c/4', 4),
    messageReceived('c/5', { clientId: 'bob', spendingOffset: 1 }),
  ];
  for (const [timeMs, event] of events.entries())
    log.put({ topic: 'test.conversations', partition: 0, key: 'c', ...eventCodec.encode(event), timeMs });
  const report = await auditLog({ journal: new Journal(log, eventCodec, 'test') });
  const what = (messageId: string, clientId = 'ann') =>
    `message ${messageId} was accepted without a grant of the budgets of ${clientId}`;
  expect(report.breaches.map((breach) => [breach.offset, breach.what])).toEqual([
    [2, what('c/2')],
    [4, what('c/3')],
    [5, what('c/4')],
    [6, what('c/5', 'bob')],
  ]);
  expect(report.budgets).toEqual({
    granted: 2,
    refused: 1,
    overrun: 0,
    closest: { budget: { scope: { kind: 'each' }, period: 'day', unit: 'messages', amount: 2 }, counted: 2 },
  });
});
