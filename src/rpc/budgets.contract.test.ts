import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MessageRefused, shapes } from '../testing/black-box-client.ts';
import { call, clientOf, hangUp, timestampMs } from '../testing/contract.ts';
import { type ParleyServer, runParley, startServer } from '../testing/server.ts';
import { TestSessions } from '../testing/test-sessions.ts';

let server: ParleyServer;
beforeAll(async () => {
  server = await startServer({ env: { PARLEY_SIMULATED_TEXT_DELAY_MS: '0' } });
});
afterAll(() => server?.[Symbol.asyncDispose]());

async function spending(method: string, request: object) {
  const client = clientOf('chat.v1.SpendingService', server.address);
  try {
    return await call(client, method, request);
  } finally {
    hangUp(client);
  }
}

const monthly = (clientId: string) => ({ scope: 'BUDGET_SCOPE_CLIENT', clientId, period: 'BUDGET_PERIOD_MONTH' });

describe.each(shapes)('by %s', (shape) => {
  test('a client says as much as its budget has, over kills and repeats, and more once that is raised', async () => {
    const clientId = `ada-${shape}`;
    await spending('SetBudget', { ...monthly(clientId), messages: 2 });
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
    expect(budgets).toMatchObject([{ ...monthly(clientId), messages: 2, left: 0 }]);
    expect(timestampMs(budgets[0].resetTime)).toBeGreaterThan(Date.now());
    await spending('SetBudget', { ...monthly(clientId), messages: 3 });
    await session.ask('Three.', 'm3');
    await spending('SetBudget', monthly(clientId));
    await session.ask('As much as I want.');
    expect(await spending('GetBudget', { clientId })).toEqual({ budgets: [] });
  });
});

test('a budget of each client binds others than those who have their own, and lists say what is left', async () => {
  await spending('SetBudget', { scope: 'BUDGET_SCOPE_EACH', period: 'BUDGET_PERIOD_MONTH', messages: 0 });
  await spending('SetBudget', { ...monthly('eve'), messages: 5 });
  await using testSessions = new TestSessions(server, 'bidi');
  const { session: bob } = await testSessions.connect({ clientId: 'bob' });
  await expect(bob.ask('Hello?')).rejects.toMatchObject({ reason: 'BUDGET_EXHAUSTED' });
  const { session: eve } = await testSessions.connect({ clientId: 'eve' });
  await eve.ask('Hello.');
  const each = { scope: 'BUDGET_SCOPE_EACH', clientId: '', period: 'BUDGET_PERIOD_MONTH', messages: 0 };
  const { budgets } = await spending('ListBudgets', {});
  expect(budgets).toMatchObject([{ ...monthly('eve'), messages: 5, left: 4 }, each]);
  expect(budgets[1].left).toBeUndefined();
  const { budgets: first, nextPageToken } = await spending('ListBudgets', { pageSize: 1 });
  expect(first).toEqual(budgets.slice(0, 1));
  expect(await spending('ListBudgets', { pageToken: nextPageToken })).toMatchObject({ budgets: budgets.slice(1) });
  await spending('SetBudget', { scope: 'BUDGET_SCOPE_EACH', period: 'BUDGET_PERIOD_MONTH' });
  await spending('SetBudget', monthly('eve'));
});

test.each([
  [{ period: 'BUDGET_PERIOD_DAY', messages: 1 }, 'scope'],
  [{ scope: 'BUDGET_SCOPE_ALL', messages: 1 }, 'period'],
  [{ scope: 'BUDGET_SCOPE_ALL', clientId: 'ada', period: 'BUDGET_PERIOD_DAY', messages: 1 }, 'client_id'],
  [{ scope: 'BUDGET_SCOPE_ALL', period: 'BUDGET_PERIOD_DAY', messages: -1 }, 'messages'],
])('SetBudget refuses %j', async (request, field) => {
  const refusal = { code: 'INVALID_ARGUMENT', reason: 'FRAME_INVALID', fields: [field] };
  await expect(spending('SetBudget', request)).rejects.toMatchObject(refusal);
});

test('SetBudget refuses a client without a name', async () => {
  const request = { scope: 'BUDGET_SCOPE_CLIENT', period: 'BUDGET_PERIOD_DAY', messages: 1 };
  await expect(spending('SetBudget', request)).rejects.toMatchObject({ reason: 'CLIENT_ID_INVALID' });
});

test('the command line sets, shows and removes budgets, and the audit proves them', async () => {
  const parley = (...args: string[]) => runParley([...args, '--address', server.address], {});
  expect((await parley('budget', 'set', '--for', 'zoe', '--per', 'month', '--messages', '10')).stdout).toBe(
    'From now on 10 messages a month for zoe.\n',
  );
  const own = await parley('budget', '--client', 'zoe', '--time-zone', 'UTC');
  expect(own.stdout).toMatch(/^of +a +messages +left +begins anew\nzoe +month +10 +10 +\d{4}-\d\d-01 00:00:00\n$/);
  expect((await parley('budget', 'list')).stdout).toMatch(/\nzoe +month +10 +10 /);
  expect(await parley('budget', 'set', '--per', 'day', '--messages', '1')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Give one of --all, --each and --for CLIENT.'),
  });
  expect((await parley('budget', 'remove', '--for', 'zoe', '--per', 'month')).stdout).toContain('no budget a month');
  expect((await parley('budget', '--client', 'zoe')).stdout).toBe('Your messages are not counted.\n');
  const audit = await runParley(['audit'], { PARLEY_DATA_DIR: server.dataDir });
  expect(audit).toMatchObject({ code: 0, stderr: '' });
  expect(audit.stdout).toMatch(/^budgets +\d+ messages granted, \d+ not; closest \d+ of \d+ in a month, of /m);
});
