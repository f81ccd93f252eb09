import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { nodeCryptoIds } from '../../src/adapters/node/node-crypto-ids.ts';
import { anybody, type Caller } from '../../src/app/caller.ts';
import { type UsageQuestion, UsageReads } from '../../src/app/reading/usage-reads.ts';
import { hourMs } from '../../src/domain/conversation/usage-periods.ts';
import {
  conversationDeleted,
  messageReceived,
  replyCompleted,
  replyFailed,
  replyStarted,
  usageOf,
  workerClaimed,
} from '../testing/conversation-events.ts';
import { type Harness, openHarness } from '../testing/harness.ts';
import { usageIn } from './usage.ts';

let harness: Harness;
let reads: UsageReads;

beforeEach(async () => {
  // The first record is of 1970-01-01T07:00:01Z.
  harness = await openHarness(2, 7 * hourMs);
  reads = new UsageReads({ usage: usageIn(harness.store), ids: nodeCryptoIds });
});
afterEach(() => harness?.[Symbol.asyncDispose]());

const client = (clientId: string, isOperator = false): Caller => ({
  kind: 'client',
  clientId,
  isOperator,
  expireTimeMs: Number.MAX_SAFE_INTEGER,
});
const everything: UsageQuestion = { fromMs: undefined, toMs: undefined, groupBy: [], filter: '' };
const firstPage = { pageSize: 0, pageToken: '' };

function query(question: Partial<UsageQuestion> = {}, caller = anybody, page = firstPage) {
  return reads.query(caller, { ...everything, ...question }, page);
}

/** Ann asks thrice, in two partitions, at two models; Bob once. Each reply takes a token in and one out for each attempt's number. */
async function said(): Promise<void> {
  const owl = { model: 'owl' };
  await harness.append(
    0,
    messageReceived('a1'),
    replyStarted('a1'),
    replyStarted('a1', { attempt: 2, ended: [usageOf(1, { end: 'failed' })] }),
    replyCompleted('a1', { attempt: 2, ended: [usageOf(2)] }),
    messageReceived('b1', { clientId: 'bob', conversationId: 'bobs' }),
    replyCompleted('b1', { conversationId: 'bobs', ended: [usageOf(3, owl)] }),
  );
  await harness.append(
    1,
    messageReceived('a2', { conversationId: 'other' }),
    replyFailed('a2', { conversationId: 'other', reason: 'STOPPED', ended: [usageOf(4, { end: 'stopped' })] }),
    messageReceived('a3', { conversationId: 'other' }),
    replyCompleted('a3', { conversationId: 'other', ended: [usageOf(5, { ...owl, estimated: true })] }),
  );
  await harness.project();
}

test('sums are by client, model and time, as they are asked for, and in their order', async () => {
  await said();
  const { rows, total } = await query({ groupBy: ['client', 'model'] });
  expect(rows).toMatchObject([
    { clientId: 'ann', provider: 'zoo', model: 'owl', completed: 1, estimated: 1, inputTokens: 5 },
    { clientId: 'ann', provider: 'zoo', model: 'parrot', completed: 1, failed: 1, stopped: 1, inputTokens: 7 },
    { clientId: 'bob', provider: 'zoo', model: 'owl', completed: 1, estimated: 0, inputTokens: 3 },
  ]);
  expect(total).toMatchObject({ completed: 3, failed: 1, stopped: 1, lost: 0, inputTokens: 15, outputTokens: 15 });
  expect((await query({ groupBy: ['model', 'client'] })).rows.map(({ model, clientId }) => [model, clientId])).toEqual([
    ['owl', 'ann'],
    ['owl', 'bob'],
    ['parrot', 'ann'],
  ]);
  expect((await query()).rows).toEqual([total]);
  const days = (await query({ groupBy: ['day'] })).rows;
  expect(days.map(({ startMs = Number.NaN, inputTokens }) => [startMs / hourMs, inputTokens])).toEqual([
    [0, 1],
    [24, 5],
    [48, 9],
  ]);
  const hours = (await query({ groupBy: ['hour', 'client'] })).rows;
  expect(hours.map(({ startMs = Number.NaN, clientId }) => [startMs / hourMs, clientId])).toEqual([
    [21, 'ann'],
    [28, 'ann'],
    [42, 'bob'],
    [56, 'ann'],
    [70, 'ann'],
  ]);
});

test('a span begins and ends at full hours, and says so', async () => {
  await said();
  const report = await query({ fromMs: 28.9 * hourMs, toMs: 55.1 * hourMs });
  expect(report).toMatchObject({ fromMs: 28 * hourMs, toMs: 56 * hourMs, total: { inputTokens: 5, completed: 2 } });
  expect((await query({ fromMs: 29 * hourMs, toMs: 42 * hourMs })).rows).toEqual([]);
  expect((await query({ fromMs: -5 })).total).toMatchObject({ inputTokens: 15 });
});

test('a filter chooses among clients and models', async () => {
  await said();
  expect((await query({ filter: 'client = "ann" AND model = "owl"' })).total).toMatchObject({ inputTokens: 5 });
  expect((await query({ filter: 'model = owl', groupBy: ['client'] })).rows.map((row) => row.clientId)).toEqual([
    'ann',
    'bob',
  ]);
  expect((await query({ filter: 'provider = "none"' })).rows).toEqual([]);
});

test('whoever is no operator sees what is their own', async () => {
  await said();
  expect((await query({}, client('bob'))).total).toMatchObject({ clientId: 'bob', inputTokens: 3 });
  expect((await query({ filter: 'client = bob' }, client('bob'))).total).toMatchObject({ inputTokens: 3 });
  await expect(query({ filter: 'client = ann' }, client('bob'))).rejects.toMatchObject({ reason: 'NOT_YOURS' });
  expect((await query({ filter: 'client = ann' }, client('bob', true))).total).toMatchObject({ inputTokens: 12 });
});

test('pages hold all rows once, and their tokens are those of one question', async () => {
  await said();
  const question = { groupBy: ['hour', 'client'] as const };
  const times: (number | undefined)[] = [];
  let pageToken = '';
  do {
    const page = await query(question, anybody, { pageSize: 2, pageToken });
    times.push(...page.rows.map(({ startMs }) => (startMs ?? Number.NaN) / hourMs));
    expect(page.total).toMatchObject({ inputTokens: 15 });
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  expect(times).toEqual([21, 28, 42, 56, 70]);
  const { nextPageToken } = await query(question, anybody, { pageSize: 2, pageToken: '' });
  const other = query({ groupBy: ['hour'] }, anybody, { pageSize: 2, pageToken: nextPageToken });
  await expect(other).rejects.toMatchObject({ reason: 'PAGE_TOKEN_INVALID' });
});

test.each([
  [{ groupBy: ['client', 'client'] as const }, 'group_by'],
  [{ groupBy: ['day', 'hour'] as const }, 'group_by'],
  [{ fromMs: 5, toMs: 5 }, 'to_time'],
  [{ filter: 'client' }, 'filter'],
])('%j is refused', async (question, field) => {
  const violations = [expect.objectContaining({ field })];
  await expect(query(question)).rejects.toMatchObject({ reason: 'FRAME_INVALID', violations });
});

test('what a superseded worker tells does not count, and what another told counts once', async () => {
  await harness.append(
    0,
    workerClaimed('one'),
    messageReceived('m'),
    replyStarted('m', { claimId: 'one' }),
    workerClaimed('two'),
    replyCompleted('m', { claimId: 'one', ended: [usageOf(1)] }),
    replyStarted('m', { claimId: 'two', attempt: 2, ended: [usageOf(1, { end: 'lost' })] }),
    replyCompleted('m', { claimId: 'two', attempt: 2, ended: [usageOf(1), usageOf(2)] }),
    replyCompleted('m', { claimId: 'two', attempt: 2, ended: [usageOf(2)] }),
  );
  await harness.project();
  expect((await query()).total).toMatchObject({ completed: 1, lost: 1, inputTokens: 3 });
});

test('what was used for a conversation that was deleted counts all the same, before and after', async () => {
  await harness.append(
    0,
    messageReceived('m'),
    replyStarted('m'),
    replyStarted('m', { attempt: 2, ended: [usageOf(1, { end: 'failed' })] }),
    conversationDeleted(),
    replyStarted('m', { attempt: 3, ended: [usageOf(2, { end: 'failed' })] }),
    replyFailed('m', { attempt: 3, reason: 'STOPPED', ended: [usageOf(3, { end: 'stopped' })] }),
  );
  await harness.project();
  expect((await query()).total).toMatchObject({ failed: 2, stopped: 1, inputTokens: 6 });
});

test('reports tell groups apart, by what each message says of its client', async () => {
  const sales = { group: 'sales' };
  await harness.append(
    0,
    messageReceived('a1', sales),
    replyCompleted('a1', { ended: [usageOf(1)] }),
    messageReceived('a2'),
    replyCompleted('a2', { ended: [usageOf(2)] }),
    messageReceived('b1', { clientId: 'bob', conversationId: 'bobs', ...sales }),
    replyCompleted('b1', { conversationId: 'bobs', ended: [usageOf(4)] }),
  );
  await harness.project();
  const rowsBy = async (question: Partial<UsageQuestion>) =>
    (await query(question)).rows.map(({ group, clientId, inputTokens }) => [group, clientId, inputTokens]);
  expect(await rowsBy({ groupBy: ['group'] })).toEqual([
    [undefined, undefined, 2],
    ['sales', undefined, 5],
  ]);
  expect(await rowsBy({ groupBy: ['group', 'client'], filter: 'group = sales' })).toEqual([
    ['sales', 'ann', 1],
    ['sales', 'bob', 4],
  ]);
  expect(await rowsBy({ groupBy: ['client'] })).toEqual([
    [undefined, 'ann', 3],
    [undefined, 'bob', 4],
  ]);
  expect((await query({ filter: 'group = sales AND client = ann' })).total).toMatchObject({
    group: 'sales',
    inputTokens: 1,
  });
});
