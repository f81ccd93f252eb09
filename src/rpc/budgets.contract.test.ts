import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MessageRefused, shapes } from '../testing/black-box-client.ts';
import { call, clientOf, hangUp, timestampMs } from '../testing/contract.ts';
import { type ParleyServer, runParley, startServer } from '../testing/server.ts';
import { eventually, TestSessions } from '../testing/test-sessions.ts';

let server: ParleyServer;
beforeAll(async () => {
  server = await startServer({ env: { PARLEY_SIMULATED_TEXT_DELAY_MS: '0' } });
});
afterAll(() => server?.[Symbol.asyncDispose]());

const spending = (method: string, request: object) => ask('SpendingService', method, request);

async function ask(service: 'SpendingService' | 'UsageService', method: string, request: object) {
  const client = clientOf(`chat.v1.${service}`, server.address);
  try {
    return await call(client, method, request);
  } finally {
    hangUp(client);
  }
}

const monthly = (clientId: string) => ({
  scope: 'BUDGET_SCOPE_CLIENT',
  clientId,
  period: 'BUDGET_PERIOD_MONTH',
  unit: 'BUDGET_UNIT_MESSAGES',
});

describe.each(shapes)('by %s', (shape) => {
  test('a client says as much as its budget has, over kills and repeats, and more once that is raised', async () => {
    const clientId = `ada-${shape}`;
    await spending('SetBudget', { ...monthly(clientId), amount: 2 });
    {
      await using testSessions = new TestSessions(server, shape);
      const { session } = await testSessions.connect({ clientId });
      await session.ask('One.', 'm1');
      await session.text('One.', 'm1');
    }
    server = await server.restart();
    await using testSessions = new TestSessions(server, shape);
    const { session } = await testSessions.connect({ clientId });
    await session.ask('Two.', 'm2');
    const refused = await session.ask('Three.', 'm3').catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(MessageRefused);
    expect(refused).toMatchObject({ reason: 'BUDGET_EXHAUSTED', retryDelayMs: expect.any(Number) });
    const { budgets } = await spending('GetBudget', { clientId });
    expect(budgets).toMatchObject([{ ...monthly(clientId), amount: 2, left: 0 }]);
    expect(timestampMs(budgets[0].resetTime)).toBeGreaterThan(Date.now());
    await spending('SetBudget', { ...monthly(clientId), amount: 3 });
    await session.ask('Three.', 'm3');
    await spending('SetBudget', monthly(clientId));
    await session.ask('As much as I want.');
    expect(await spending('GetBudget', { clientId })).toEqual({ budgets: [] });
  });
});

test('a budget of tokens binds what replies use, is given back what they did not, and lasts over kills', async () => {
  const budget = { ...monthly('tom'), unit: 'BUDGET_UNIT_TOKENS' };
  await spending('SetBudget', { ...budget, amount: 60 });
  const leftOf = async () => (await spending('GetBudget', { clientId: 'tom' })).budgets[0].left;
  {
    await using testSessions = new TestSessions(server, 'bidi');
    const { session } = await testSessions.connect({ clientId: 'tom' });
    await session.ask('One?', 'm1');
    await eventually(leftOf, (left) => left > 0 && left < 60);
  }
  const before = await leftOf();
  server = await server.restart();
  expect(await eventually(leftOf, (left) => left === before)).toBe(before);
  await using testSessions = new TestSessions(server, 'bidi');
  const { session } = await testSessions.connect({ clientId: 'tom' });
  let said = 1;
  for (; said < 60; said += 1) {
    const refused = await session.ask('And?').catch((error: unknown) => error);
    if (refused instanceof MessageRefused) {
      expect(refused).toMatchObject({ reason: 'BUDGET_EXHAUSTED' });
      if ((refused.retryDelayMs ?? 0) > 2_000) break;
    }
  }
  // Less is left than the shortest reply needs: 16 tokens, and those of the question.
  expect(await leftOf()).toBeLessThan(16 + 2);
  const total = async () => (await ask('UsageService', 'QueryUsage', { filter: 'client = "tom"' })).total;
  const used = 60 - (await leftOf());
  await eventually(total, ({ inputTokens, outputTokens }) => inputTokens + outputTokens === used);
  await spending('SetBudget', budget);
});

test('a budget of cost binds by the price list, and is told with its currency', async () => {
  const prices = { provider: 'simulated', model: 'simulated', inputPerMillion: 1_000_000, outputPerMillion: 2_000_000 };
  await spending('SetPriceList', { currency: 'EUR', prices: [prices] });
  const budget = { ...monthly('pia'), unit: 'BUDGET_UNIT_COST' };
  await spending('SetBudget', { ...budget, amount: 20 });
  // As clients of before know it.
  await spending('SetBudget', { scope: budget.scope, clientId: 'pia', period: budget.period, messages: 9 });
  expect((await spending('GetBudget', { clientId: 'pia' })).budgets).toMatchObject([
    { amount: 20, messages: 0 },
    { amount: 9, messages: 9, unit: 'BUDGET_UNIT_MESSAGES' },
  ]);
  await spending('SetBudget', { scope: budget.scope, clientId: 'pia', period: budget.period });
  await using testSessions = new TestSessions(server, 'bidi');
  const { session } = await testSessions.connect({ clientId: 'pia' });
  await expect(session.ask('What does it cost?')).rejects.toMatchObject({ reason: 'BUDGET_EXHAUSTED' });
  await spending('SetBudget', { ...budget, amount: 40_000 });
  await session.ask('What does it cost?');
  const told = async () => (await spending('GetBudget', { clientId: 'pia' })).budgets[0];
  await eventually(told, ({ left }) => left > 39_000 && left < 40_000);
  expect(await told()).toMatchObject({ ...budget, amount: 40_000, currency: 'EUR' });
  await spending('SetBudget', budget);
});

test('a budget of each client binds others than those who have their own, and lists say what is left', async () => {
  await spending('SetBudget', {
    scope: 'BUDGET_SCOPE_EACH',
    period: 'BUDGET_PERIOD_MONTH',
    unit: 'BUDGET_UNIT_MESSAGES',
    amount: 0,
  });
  await spending('SetBudget', { ...monthly('eve'), amount: 5 });
  await using testSessions = new TestSessions(server, 'bidi');
  const { session: bob } = await testSessions.connect({ clientId: 'bob' });
  await expect(bob.ask('Hello?')).rejects.toMatchObject({ reason: 'BUDGET_EXHAUSTED' });
  const { session: eve } = await testSessions.connect({ clientId: 'eve' });
  await eve.ask('Hello.');
  const each = {
    scope: 'BUDGET_SCOPE_EACH',
    clientId: '',
    period: 'BUDGET_PERIOD_MONTH',
    unit: 'BUDGET_UNIT_MESSAGES',
    amount: 0,
  };
  const { budgets } = await spending('ListBudgets', {});
  expect(budgets).toMatchObject([{ ...monthly('eve'), amount: 5, left: 4 }, each]);
  expect(budgets[1].left).toBeUndefined();
  const { budgets: first, nextPageToken } = await spending('ListBudgets', { pageSize: 1 });
  expect(first).toEqual(budgets.slice(0, 1));
  expect(await spending('ListBudgets', { pageToken: nextPageToken })).toMatchObject({ budgets: budgets.slice(1) });
  await spending('SetBudget', {
    scope: 'BUDGET_SCOPE_EACH',
    period: 'BUDGET_PERIOD_MONTH',
    unit: 'BUDGET_UNIT_MESSAGES',
  });
  await spending('SetBudget', monthly('eve'));
});

test.each([
  [{ period: 'BUDGET_PERIOD_DAY', unit: 'BUDGET_UNIT_MESSAGES', amount: 1 }, 'scope'],
  [{ scope: 'BUDGET_SCOPE_ALL', unit: 'BUDGET_UNIT_MESSAGES', amount: 1 }, 'period'],
  [
    {
      scope: 'BUDGET_SCOPE_ALL',
      clientId: 'ada',
      period: 'BUDGET_PERIOD_DAY',
      unit: 'BUDGET_UNIT_MESSAGES',
      amount: 1,
    },
    'client_id',
  ],
  [{ scope: 'BUDGET_SCOPE_ALL', period: 'BUDGET_PERIOD_DAY', unit: 'BUDGET_UNIT_MESSAGES', amount: -1 }, 'amount'],
  [{ scope: 'BUDGET_SCOPE_ALL', period: 'BUDGET_PERIOD_DAY', unit: 9, amount: 1 }, 'unit'],
  [{ scope: 'BUDGET_SCOPE_ALL', period: 'BUDGET_PERIOD_DAY', messages: 1, amount: 1 }, 'messages'],
])('SetBudget refuses %j', async (request, field) => {
  const refusal = { code: 'INVALID_ARGUMENT', reason: 'FRAME_INVALID', fields: [field] };
  await expect(spending('SetBudget', request)).rejects.toMatchObject(refusal);
});

test('SetBudget refuses a client without a name', async () => {
  const request = {
    scope: 'BUDGET_SCOPE_CLIENT',
    period: 'BUDGET_PERIOD_DAY',
    unit: 'BUDGET_UNIT_MESSAGES',
    amount: 1,
  };
  await expect(spending('SetBudget', request)).rejects.toMatchObject({ reason: 'CLIENT_ID_INVALID' });
});

test('the command line sets, shows and removes budgets, and the audit proves them', async () => {
  const parley = (...args: string[]) => runParley([...args, '--address', server.address], {});
  expect((await parley('budget', 'set', '--for', 'zoe', '--per', 'month', '--messages', '10')).stdout).toBe(
    'From now on 10 messages a month for zoe.\n',
  );
  const own = await parley('budget', '--client', 'zoe', '--time-zone', 'UTC');
  expect(own.stdout).toMatch(
    /^of +a +budget +left +begins anew\nzoe +month +10 messages +10 +\d{4}-\d\d-01 00:00:00\n$/,
  );
  expect((await parley('budget', 'list')).stdout).toMatch(/\nzoe +month +10 messages +10 /);
  expect(await parley('budget', 'set', '--per', 'day', '--messages', '1')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Give one of --all, --each, --group GROUP and --for CLIENT.'),
  });
  expect(await parley('budget', 'set', '--all', '--per', 'day', '--tokens', '1', '--cost', '2.50')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Give one of --messages, --tokens and --cost.'),
  });
  expect((await parley('budget', 'remove', '--for', 'zoe', '--per', 'month')).stdout).toContain(
    'no budget of messages a month',
  );
  expect((await parley('budget', '--client', 'zoe')).stdout).toBe('Your messages are not counted.\n');
  const audit = await runParley(['audit'], { PARLEY_DATA_DIR: server.dataDir });
  expect(audit).toMatchObject({ code: 0, stderr: '' });
  expect(audit.stdout).toMatch(/^budgets +\d+ messages granted, \d+ not; closest \d+ of \d+ messages in a month, of /m);
});
