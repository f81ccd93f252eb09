import { afterEach, describe, expect, test } from '@jest/globals';
import { nodeCryptoIds } from '../../adapters/node/node-crypto-ids.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import type { BudgetUnit, UnitPrices } from '../../domain/spending/events.ts';
import { noSpend } from '../../domain/spending/prices.ts';
import { LogUnavailable } from '../../ports/event-log.ts';
import { eventCodec } from '../../testing/event-codec.ts';
import { MemoryLogServer } from '../../testing/memory/event-log/memory-log.ts';
import { ScriptedProvider } from '../../testing/scripted-provider.ts';
import { eventually } from '../../testing/test-sessions.ts';
import { anybody, type Caller } from '../caller.ts';
import { Journal, partitionsOf } from '../journal.ts';
import type { Happening } from '../security/security-recorder.ts';
import { Prices } from './prices.ts';
import { maxGrantAgeMs, SpendingBook } from './spending-book.ts';

const topic = 'test.spending';
const prices: UnitPrices = {
  inputPerMillion: 1,
  cachedInputPerMillion: 1,
  outputPerMillion: 2,
  soundInPerMinute: 0,
  soundOutPerMinute: 0,
  pictureIn: 0,
  pictureOut: 0,
};
const models = [{ provider: 'p', model: 'm', prices }];

const ada = { clientId: 'ada' };
const log = () => new MemoryLogServer(partitionsOf('test', 1), () => systemClock.nowMs());
const books: SpendingBook[] = [];
afterEach(() => Promise.all(books.splice(0).map((book) => book[Symbol.asyncDispose]())));

async function opened(server: MemoryLogServer): Promise<SpendingBook> {
  const silent = () => undefined;
  const book = new SpendingBook({
    journal: new Journal(server.handle(), eventCodec, 'test'),
    clock: systemClock,
    ids: nodeCryptoIds,
    provider: new ScriptedProvider(),
    logger: { debug: silent, info: silent, warn: silent, error: silent },
    onFault: (error) => {
      throw error;
    },
  });
  books.push(book);
  await book.start();
  return book;
}

function operated(book: SpendingBook) {
  const happenings: Happening[] = [];
  const record = async (happening: Happening) => void happenings.push(happening);
  return { prices: new Prices({ book, security: { record } }), happenings };
}

const client = (clientId: string, isOperator: boolean): Caller => ({
  kind: 'client',
  clientId,
  isOperator,
  expireTimeMs: Number.MAX_SAFE_INTEGER,
});
const olga = client('olga', true);

describe('a price book', () => {
  test('knows at its start what was set before, and each list that another process sets', async () => {
    const server = log();
    const first = await opened(server);
    const list = await first.setPrices('olga', 'EUR', models);
    expect(list).toMatchObject({ version: 1, setBy: 'olga', currency: 'EUR', prices: models });
    const second = await opened(server);
    expect(second.pricesOf('p', 'm')).toEqual({ version: 1, prices });
    await second.setPrices('olga', 'EUR', []);
    await eventually(
      async () => first.pricesOf('p', 'm'),
      (found) => found === undefined,
    );
    expect(first.lists).toHaveLength(2);
  });

  test('takes one currency where two are set at once', async () => {
    const server = log();
    const both = [await opened(server), await opened(server)] as const;
    const lists = await Promise.all([both[0].setPrices('a', 'EUR', models), both[1].setPrices('b', 'USD', models)]);
    expect(lists.filter((list) => list !== undefined)).toHaveLength(1);
    await eventually(
      async () => both.map(({ lists: known }) => known.length),
      ([one, other]) => one === 1 && other === 1,
    );
  });

  test('folds the topic again where it has lost its end', async () => {
    const server = log();
    const book = await opened(server);
    await book.setPrices('olga', 'EUR', models);
    await book.setPrices('olga', 'EUR', []);
    server.truncate(topic, 0, 1);
    await eventually(
      async () => book.lists.length,
      (count) => count === 1,
    );
    expect(book.pricesOf('p', 'm')).toEqual({ version: 1, prices });
  });

  test('keeps what it knew until it has folded the shorter topic', async () => {
    const server = log();
    const book = await opened(server);
    const budget = (period: 'day' | 'month') =>
      book.setBudget({ type: 'BudgetSet', setBy: '', scope: { kind: 'each' }, period, unit: 'messages', amount: 1 });
    await budget('day');
    await budget('month');
    server.truncate(topic, 0, 1);
    while (book.budgets.inForce.length === 2) await new Promise((resolve) => setImmediate(resolve));
    expect(book.budgets.inForce).toMatchObject([{ period: 'day' }]);
    server.truncate(topic, 0, 0);
    await eventually(
      async () => book.position,
      (position) => position === 0,
    );
    expect(book.needsGrant('m', ada)).toBe(false);
  });

  test('that was stopped sets nothing any more', async () => {
    const book = await opened(log());
    await book[Symbol.asyncDispose]();
    await expect(book.setPrices('olga', 'EUR', models)).rejects.toThrow(LogUnavailable);
  });
});

describe('budgets', () => {
  const all = { kind: 'all' } as const;
  const budget = (amount?: number, unit: BudgetUnit = 'messages') =>
    ({
      type: 'BudgetSet',
      setBy: '',
      scope: all,
      period: 'month',
      unit,
      ...(amount !== undefined && { amount }),
    }) as const;
  const asked = (messageId: string, clientId = 'ada') => ({
    messageId,
    clientId,
    content: { text: 'Hello?', media: [], replyKind: 'text' as const, instructions: '' },
    partition: 0,
    fromOffset: 0,
  });

  test('let exactly what is left through, 200 times 50 clients at two processes racing for it', async () => {
    const server = log();
    const both = [await opened(server), await opened(server)] as const;
    for (let round = 0, sum = 0; round < 200; round += 1) {
      sum += round % 5;
      await both[round % 2 === 0 ? 0 : 1].setBudget(budget(sum));
      const verdicts = await Promise.all(
        Array.from({ length: 50 }, (_, client) =>
          both[client % 2 === 0 ? 0 : 1].refusalUnlessGranted(asked(`${round}/${client}`, `c${client}`)),
        ),
      );
      expect(verdicts.filter((refused) => refused === undefined)).toHaveLength(round % 5);
    }
  });

  test('grant once what is asked for again, and ask no more where one is used up', async () => {
    const server = log();
    const book = await opened(server);
    expect(book.needsGrant('m1', ada)).toBe(false);
    await book.setBudget(budget(1));
    expect(book.needsGrant('m1', ada)).toBe(true);
    expect(await book.refusalUnlessGranted(asked('m1'))).toBeUndefined();
    expect(book.needsGrant('m1', ada)).toBe(false);
    const records = server.records(topic, 0).length;
    const refused = await book.refusalUnlessGranted(asked('m2'));
    expect(refused).toMatchObject({ reason: 'BUDGET_EXHAUSTED', metadata: { scope: 'all', period: 'month' } });
    expect(refused?.retryDelayMs).toBeGreaterThan(0);
    expect(server.records(topic, 0)).toHaveLength(records);
    await book.setBudget(budget());
    expect(book.needsGrant('m2', ada)).toBe(false);
  });

  test('of tokens reserve, and are refused for a moment while others hold what a reply needs', async () => {
    const book = await opened(log());
    await book.setBudget(budget(30, 'tokens'));
    const tokensOf = (messageId: string) => book.reservationOf(messageId)?.granted.tokens;
    for (const messageId of ['m1', 'm2']) expect(await book.refusalUnlessGranted(asked(messageId))).toBeUndefined();
    expect([tokensOf('m1'), tokensOf('m2')]).toEqual([15, 12]);
    expect(book.reservationOf('m1')).toMatchObject({ partition: 0, fromOffset: 0, clientId: 'ada' });
    expect([book.needsGrant('m1', ada), book.reservationsIn(0).length, book.reservationsIn(1).length]).toEqual([
      false,
      2,
      0,
    ]);
    expect(await book.refusalUnlessGranted(asked('m3'))).toMatchObject({
      reason: 'BUDGET_EXHAUSTED',
      metadata: { scope: 'all', period: 'month', unit: 'tokens' },
      retryDelayMs: 2_000,
    });
    await book.settle([{ type: 'MessageSettled', messageId: 'm1', used: { tokens: 4, cost: 0 } }]);
    expect([book.needsGrant('m1', ada), book.reservationOf('m1')]).toEqual([false, undefined]);
    expect(await book.refusalUnlessGranted(asked('m3'))).toBeUndefined();
    expect(tokensOf('m3')).toBe(12);
    const settled = ['m2', 'm3'].map((messageId) => ({ messageId, used: { tokens: 12, cost: 0 } }));
    await book.settle(settled.map((end) => ({ type: 'MessageSettled', ...end })));
    const refused = await book.refusalUnlessGranted(asked('m4'));
    expect(refused?.retryDelayMs).toBeGreaterThan(2_000);
  });

  test('of cost reserve by the prices of now, and a message whose reservation is too old or too small is asked for anew', async () => {
    const book = await opened(log());
    const priced = (outputPerMillion: number) => [
      { provider: 'scripted', model: 'scripted', prices: { ...prices, outputPerMillion } },
    ];
    await book.setPrices('olga', 'EUR', priced(1_000_000));
    await book.setBudget(budget(1_000, 'cost'));
    const message = asked('m1');
    expect(await book.refusalUnlessGranted(message)).toBeUndefined();
    const held = book.reservationOf('m1');
    expect(held).toMatchObject({ granted: { tokens: 102, cost: 101 } });
    const receivedAtMs = (held?.timeMs ?? 0) + maxGrantAgeMs;
    expect(book.covers('m1', receivedAtMs, message.content, noSpend)).toBe(true);
    expect(book.covers('m1', receivedAtMs + 1, message.content, noSpend)).toBe(false);
    await book.setPrices('olga', 'EUR', priced(50_000_000));
    expect(book.covers('m1', receivedAtMs, message.content, noSpend)).toBe(false);
    expect(await book.renew(message, receivedAtMs, noSpend)).toBe(true);
    expect(book.reservationOf('m1')).toMatchObject({ granted: { cost: 501 } });
    expect(await book.renew(message, receivedAtMs, { tokens: 80, cost: 400 })).toBe(true);
    expect(book.reservationOf('m1')).toMatchObject({ granted: { tokens: 182, cost: 901 } });
    expect(await book.renew(message, receivedAtMs, { tokens: 80, cost: 500 })).toBe(false);
    expect(book.reservationOf('m1')).toMatchObject({ granted: { tokens: 182, cost: 901 } });
  });

  test('of tokens are never above what they have, 50 clients at two processes racing over and over', async () => {
    const server = log();
    const both = [await opened(server), await opened(server)] as const;
    const amount = 2_000;
    await both[0].setBudget(budget(amount, 'tokens'));
    let used = 0;
    for (let round = 0; round < 120; round += 1) {
      const ids = Array.from({ length: 50 }, (_, client) => `${round}/${client}`);
      const verdicts = await Promise.all(
        ids.map((id, client) => both[client % 2 === 0 ? 0 : 1].refusalUnlessGranted(asked(id, `c${client}`))),
      );
      const granted = ids.filter((_, index) => verdicts[index] === undefined);
      const held = granted.map((id) => both[0].reservationOf(id)?.granted.tokens ?? Number.NaN);
      const reserved = held.reduce((sum, tokens) => sum + tokens, 0);
      expect(used + reserved).toBeLessThanOrEqual(amount);
      // What is left is less than a reply needs, or was given to the last.
      if (granted.length < ids.length) expect(amount - used - reserved).toBeLessThan(2 + 10);
      const spent = held.map((tokens, index) => (index * 7 + round) % (tokens + 1));
      const settled = granted.map((messageId, index) => {
        const tokens = spent[index] ?? 0;
        return { type: 'MessageSettled' as const, messageId, used: { tokens, cost: 0 } };
      });
      if (settled.length > 0) await both[round % 2 === 0 ? 0 : 1].settle(settled);
      used += spent.reduce((sum, tokens) => sum + tokens, 0);
    }
    expect(used).toBeLessThanOrEqual(amount);
    expect(amount - used).toBeLessThan(2 + 10);
  });
});

describe('operators', () => {
  test('set prices, which the security log has, and the same ones only once', async () => {
    const server = log();
    const { prices: uses, happenings } = operated(await opened(server));
    const list = await uses.set(olga, 'EUR', models);
    expect(await uses.set(olga, 'EUR', structuredClone(models))).toEqual(list);
    expect(server.records(topic, 0)).toHaveLength(1);
    expect(happenings).toEqual([{ kind: 'prices_set', operator: 'olga', address: '', detail: 'version 1' }]);
    expect(await uses.set(anybody, 'EUR', [])).toMatchObject({ version: 2, setBy: '' });
    expect(uses.get(olga, 0)).toMatchObject({ version: 2 });
    expect(uses.get(olga, 1)).toEqual(list);
    expect(uses.currency).toBe('EUR');
  });

  test('alone set and read them', async () => {
    const { prices: uses } = operated(await opened(log()));
    const required = { reason: 'OPERATOR_REQUIRED' };
    await expect(uses.set(client('bob', false), 'EUR', models)).rejects.toMatchObject(required);
    expect(() => uses.get(client('bob', false), 0)).toThrow(expect.objectContaining(required));
    expect(() => uses.get(olga, 0)).toThrow(expect.objectContaining({ reason: 'NOT_FOUND' }));
    expect(uses.currency).toBe('');
  });

  test.each([
    ['eur', models, ['currency']],
    ['EUR', [...models, ...models], ['prices[1]']],
    ['EUR', [{ provider: '', model: 'x'.repeat(201), prices }], ['prices[0].provider', 'prices[0].model']],
    ['EUR', [{ provider: 'p', model: 'm', prices: { ...prices, pictureIn: -1 } }], ['prices[0]']],
    ['EUR', [{ provider: 'p', model: 'm', prices: { ...prices, pictureIn: 1e12 + 1 } }], ['prices[0]']],
    ['EUR', Array.from({ length: 201 }, (_, index) => ({ provider: 'p', model: `m${index}`, prices })), ['prices']],
  ])('are refused nonsense, %#', async (currency, list, fields) => {
    const { prices: uses } = operated(await opened(log()));
    const refused = await uses.set(olga, currency, list).catch((error: unknown) => error);
    expect(refused).toMatchObject({ reason: 'FRAME_INVALID', violations: fields.map((field) => ({ field })) });
  });

  test('are refused another currency', async () => {
    const { prices: uses } = operated(await opened(log()));
    await uses.set(olga, 'EUR', models);
    const violations = [{ field: 'currency', description: 'all costs are in EUR' }];
    await expect(uses.set(olga, 'USD', models)).rejects.toMatchObject({ reason: 'FRAME_INVALID', violations });
  });
});
