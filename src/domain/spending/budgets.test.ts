import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../testing/property.ts';
import {
  type Budget,
  budgetsOf,
  countedOf,
  endOfPeriod,
  leftOf,
  noBudgets,
  startOfPeriod,
  verdictOn,
} from './budgets.ts';
import type { BudgetPeriod, BudgetScope, BudgetUnit, Spend, SpendingEvent } from './events.ts';
import { evolve, nothingSpent, type Spending } from './evolve.ts';

const all: BudgetScope = { kind: 'all' };
const each: BudgetScope = { kind: 'each' };
const ada: BudgetScope = { kind: 'client', clientId: 'ada' };
const minuteMs = 60_000;
const dayMs = 86_400_000;

function set(scope: BudgetScope, period: BudgetPeriod, amount?: number, unit: BudgetUnit = 'messages'): SpendingEvent {
  return { type: 'BudgetSet', setBy: 'olga', scope, period, unit, ...(amount !== undefined && { amount }) };
}

const tokens = (count: number): Spend => ({ tokens: count, cost: 0 });

function reserves(clientId: string, messageId: string, least: Spend, most: Spend): SpendingEvent {
  return { ...asks(clientId, messageId), reserve: { least, most, partition: 3, fromOffset: 7 } };
}

function settles(messageId: string, used: Spend): SpendingEvent {
  return { type: 'MessageSettled', messageId, used };
}

const releases = (messageId: string, grantOffset: number): SpendingEvent => ({
  type: 'ReservationReleased',
  messageId,
  grantOffset,
});

/** Two are of one group. */
const groupOf = (clientId: string) => (clientId === 'eve' ? undefined : 'sales');

function asks(clientId: string, messageId: string): Extract<SpendingEvent, { type: 'MessageBudgeted' }> {
  const group = groupOf(clientId);
  return { type: 'MessageBudgeted', messageId, clientId, ...(group !== undefined && { group }) };
}

/** Each event at this time, one offset after the other. */
function folded(...steps: readonly (readonly [number, SpendingEvent])[]): Spending {
  return steps.reduce((state, [timeMs, event], offset) => evolve(state, event, { offset, timeMs }), nothingSpent);
}

const grants = ({ budgets }: Spending, ...ids: readonly string[]) => ids.filter((id) => budgets.messages.has(id));

describe('budgets', () => {
  test('grant as many messages as they have in a period, and as many in the next', () => {
    const state = folded(
      [0, set(each, 'minute', 2)],
      [1, asks('ada', 'a1')],
      [2, asks('ada', 'a2')],
      [3, asks('ada', 'a3')],
      [4, asks('bob', 'b1')],
      [minuteMs, asks('ada', 'a4')],
    );
    expect(grants(state, 'a1', 'a2', 'a3', 'b1', 'a4')).toEqual(['a1', 'a2', 'b1', 'a4']);
    const [budget] = state.budgets.inForce;
    expect(budget && countedOf(state.budgets, budget, { clientId: 'ada' }, 30_000)).toBe(2);
    expect(budget && countedOf(state.budgets, budget, { clientId: 'ada' }, minuteMs + 5)).toBe(1);
  });

  test('of all clients together are one for all', () => {
    const state = folded([0, set(all, 'hour', 2)], [1, asks('ada', 'a')], [2, asks('bob', 'b')], [3, asks('eve', 'c')]);
    expect(grants(state, 'a', 'b', 'c')).toEqual(['a', 'b']);
  });

  test('of a group are one for its clients, and bind no other', () => {
    const sales: BudgetScope = { kind: 'group', group: 'sales' };
    const state = folded(
      [0, set(sales, 'hour', 2)],
      [1, asks('ada', 'a')],
      [2, asks('bob', 'b')],
      [3, asks('ada', 'c')],
      [4, asks('eve', 'd')],
    );
    expect(grants(state, 'a', 'b', 'c', 'd')).toEqual(['a', 'b', 'd']);
    expect(budgetsOf(state.budgets, { clientId: 'zoe', group: 'sales' })).toHaveLength(1);
    expect(budgetsOf(state.budgets, { clientId: 'zoe', group: 'support' })).toEqual([]);
  });

  test('of one client stand instead of the one of each over the same time, and several hold at once', () => {
    const state = folded(
      [0, set(each, 'day', 1)],
      [0, set(ada, 'day', 3)],
      [0, set(ada, 'hour', 2)],
      [0, set(all, 'month', 9)],
    );
    const periods = (clientId: string) =>
      budgetsOf(state.budgets, { clientId }).map(({ scope, period }) => `${scope.kind} ${period}`);
    expect(periods('ada')).toEqual(['client day', 'client hour', 'all month']);
    expect(periods('bob')).toEqual(['each day', 'all month']);
    expect(budgetsOf(noBudgets, { clientId: 'ada' })).toEqual([]);
  });

  test('count a message once that is asked for again, and not one that was not granted', () => {
    const state = folded(
      [0, set(each, 'minute', 2)],
      [1, asks('ada', 'a1')],
      [2, asks('ada', 'a1')],
      [3, asks('ada', 'a2')],
      [4, asks('ada', 'a3')],
      [minuteMs, asks('ada', 'a3')],
    );
    expect(grants(state, 'a1', 'a2', 'a3')).toEqual(['a1', 'a2', 'a3']);
  });

  test('are replaced and removed, and what was granted stays counted', () => {
    const raised = folded(
      [0, set(each, 'day', 1)],
      [1, asks('ada', 'a1')],
      [2, set(each, 'day', 2)],
      [3, asks('ada', 'a2')],
      [4, asks('ada', 'a3')],
    );
    expect(grants(raised, 'a1', 'a2', 'a3')).toEqual(['a1', 'a2']);
    expect(folded([0, set(each, 'day', 1)], [1, set(each, 'day')]).budgets.inForce).toEqual([]);
    expect(folded([0, set(each, 'day', 0)], [1, asks('ada', 'a')]).budgets.messages.has('a')).toBe(false);
  });

  test('go on counting where the log’s clock steps back by some periods', () => {
    const state = folded(
      [0, set(each, 'minute', 1)],
      [5 * minuteMs, asks('ada', 'a1')],
      [7 * minuteMs, asks('ada', 'a2')],
      [5 * minuteMs + 1, asks('ada', 'a3')],
    );
    expect(grants(state, 'a1', 'a2', 'a3')).toEqual(['a1', 'a2']);
  });

  test('that are used up name the one that opens last', () => {
    const state = folded([0, set(each, 'minute', 1)], [0, set(all, 'day', 1)], [1, asks('ada', 'a1')]);
    const verdict = (timeMs: number) => verdictOn(state.budgets, { clientId: 'ada' }, timeMs);
    expect(verdict(2)).toMatchObject({ type: 'refused', budget: { scope: all, period: 'day' }, isHeld: false });
    expect(verdict(dayMs)).toMatchObject({ type: 'granted' });
  });

  test.each([
    ['minute', '2026-11-27T10:20:30Z', '2026-11-27T10:21:00Z'],
    ['hour', '2026-11-27T10:20:30Z', '2026-11-27T11:00:00Z'],
    ['day', '2026-11-27T10:20:30Z', '2026-11-28T00:00:00Z'],
    ['month', '2026-12-27T10:20:30Z', '2027-01-01T00:00:00Z'],
  ] as const)('of a %s begin anew in time', (period, now, then) => {
    expect(endOfPeriod(period, Date.parse(now))).toBe(Date.parse(then));
  });

  test('of tokens grant what is wished or half of what is left, at least what a reply needs, and get back what it did not use', () => {
    const asked = folded(
      [0, set(each, 'day', 100, 'tokens')],
      [1, reserves('ada', 'a1', tokens(10), tokens(70))],
      [2, reserves('ada', 'a2', tokens(10), tokens(70))],
      [3, reserves('ada', 'a3', tokens(10), tokens(70))],
      [4, reserves('ada', 'a4', tokens(10), tokens(70))],
    );
    const granted = ({ budgets }: Spending) =>
      [...budgets.reservations.values()].map(({ messageId, granted: { tokens: count } }) => [messageId, count]);
    expect(granted(asked)).toEqual([
      ['a1', 70],
      ['a2', 15],
      ['a3', 10],
    ]);
    expect(asked.budgets.reservations.get('a2')).toMatchObject({ offset: 2, timeMs: 2, partition: 3, fromOffset: 7 });
    const refused = verdictOn(asked.budgets, { clientId: 'ada', ...wish(10, 70) }, 4);
    expect(refused).toMatchObject({ type: 'refused', isHeld: true });
    const settled = [settles('a1', tokens(20)), settles('a1', tokens(99)), settles('zzz', tokens(5))].reduce(
      (state, event, index) => evolve(state, event, { offset: 10 + index, timeMs: dayMs + 5 }),
      asked,
    );
    expect(left(settled, 5)).toBe(55);
    expect(left(settled, dayMs)).toBe(100);
    expect(grants(settled, 'a1', 'a2')).toEqual(['a1']);
    expect(granted(settled)).toEqual([
      ['a2', 15],
      ['a3', 10],
    ]);
  });

  test('of several units the tightest binds, and a message without a wish keeps none but those of messages', () => {
    const state = folded(
      [0, set(each, 'day', 1_000, 'tokens')],
      [0, set(each, 'day', 40, 'cost')],
      [0, set(all, 'day', 2)],
      [1, reserves('ada', 'a1', { tokens: 10, cost: 5 }, { tokens: 500, cost: 300 })],
      [3, reserves('bob', 'b1', { tokens: 10, cost: 5 }, { tokens: 2_000, cost: 10 })],
      [4, reserves('eve', 'e1', { tokens: 10, cost: 5 }, { tokens: 2_000, cost: 10 })],
      [5, asks('eve', 'e2')],
    );
    expect(state.budgets.reservations.get('a1')?.granted).toEqual({ tokens: 500, cost: 20 });
    expect(state.budgets.reservations.get('b1')?.granted).toEqual({ tokens: 500, cost: 10 });
    expect(state.budgets.reservations.size).toBe(2);
    expect(folded([0, set(each, 'day', 9, 'tokens')], [1, asks('eve', 'e')]).budgets.messages.has('e')).toBe(false);
  });

  test('are given back what a message had that never came, which may come again', () => {
    const [set100, ask] = [set(each, 'day', 100, 'tokens'), reserves('ada', 'a1', tokens(10), tokens(70))];
    const budget2 = set(each, 'day', 1);
    const released = folded([0, set100], [0, budget2], [1, ask], [2, releases('a1', 9)], [3, releases('a1', 2)]);
    expect(released.budgets.reservations.size).toBe(0);
    expect(left(released, 4)).toBe(100);
    const again = evolve(released, ask, { offset: 9, timeMs: 9 });
    expect(again.budgets.reservations.get('a1')).toMatchObject({ offset: 9 });
    expect(evolve(again, releases('a1', 2), { offset: 10, timeMs: 10 })).toEqual(again);
  });

  test('reserve anew for a message that asks again, in place of what it had', () => {
    const first = folded([0, set(each, 'day', 100, 'tokens')], [1, reserves('ada', 'a1', tokens(10), tokens(40))]);
    const more = evolve(first, reserves('ada', 'a1', tokens(90), tokens(95)), { offset: 5, timeMs: 5 });
    expect(more.budgets.reservations.get('a1')).toMatchObject({ offset: 5, granted: tokens(95) });
    expect(left(more, 5)).toBe(5);
    const tooMuch = evolve(more, reserves('ada', 'a1', tokens(101), tokens(200)), { offset: 6, timeMs: 6 });
    expect(tooMuch.budgets).toBe(more.budgets);
  });

  test('are never exceeded: in no period of no prefix is more granted, or used, than the budget in force had', () => {
    const clientId = fc.constantFrom('ada', 'bob', 'eve');
    const scope = fc.oneof(
      fc.constant(all),
      fc.constant(each),
      clientId.map((id) => ({ kind: 'client' as const, clientId: id })),
      fc.constant({ kind: 'group' as const, group: 'sales' }),
    );
    const period = fc.constantFrom('minute' as const, 'hour' as const, 'day' as const);
    const unit = fc.constantFrom('messages' as const, 'tokens' as const, 'cost' as const);
    const amount = fc.option(fc.nat(40), { nil: undefined });
    const spend = fc.record({ tokens: fc.nat(12), cost: fc.nat(12) });
    const message = fc.tuple(clientId, fc.nat(20)).map(([client, id]) => ({ client, id: `${client}-${id}` }));
    const step = fc.record({
      gapMs: fc.nat(40_000),
      what: fc.oneof(
        { weight: 1, arbitrary: fc.tuple(scope, period, amount, unit).map((budget) => set(...budget)) },
        {
          weight: 6,
          arbitrary: fc
            .tuple(message, spend, spend)
            .map(([{ client, id }, least, more]) =>
              reserves(client, id, least, { tokens: least.tokens + more.tokens, cost: least.cost + more.cost }),
            ),
        },
        { weight: 1, arbitrary: message.map(({ client, id }) => asks(client, id)) },
        { weight: 3, arbitrary: fc.tuple(message, fc.double({ min: 0, max: 1, noNaN: true })) },
        { weight: 1, arbitrary: message },
      ),
    });
    assertProperty(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        let state = nothingSpent;
        let timeMs = 0;
        /** What counts of each message that was granted, as this test has it. */
        const counted = new Map<string, Counting>();
        for (const [offset, { gapMs, what }] of steps.entries()) {
          timeMs += gapMs;
          const event = eventOf(state, what);
          if (event === undefined) continue;
          const before = state;
          state = evolve(state, event, { offset, timeMs });
          note(counted, before, event, state, timeMs);
          for (const budget of state.budgets.inForce)
            for (const client of ['ada', 'bob', 'eve']) {
              const sum = [...counted.values()]
                .filter((one) => isCounted(budget, one.clientId, client))
                .filter((one) => {
                  const countedMs = budget.unit === 'messages' ? one.firstMs : one.timeMs;
                  return startOfPeriod(budget.period, countedMs) === startOfPeriod(budget.period, timeMs);
                })
                .reduce((total, one) => total + (budget.unit === 'messages' ? 1 : one.spend[budget.unit]), 0);
              expect(countedOf(state.budgets, budget, { clientId: client, group: groupOf(client) }, timeMs)).toBe(sum);
              const isGranted = event.type === 'MessageBudgeted' && before.budgets !== state.budgets;
              if (
                isGranted &&
                event.clientId === client &&
                budgetsOf(state.budgets, { clientId: client, group: groupOf(client) }).includes(budget)
              )
                expect(sum).toBeLessThanOrEqual(budget.amount);
            }
        }
      }),
    );
  });
});

function wish(least: number, most: number) {
  return { reserve: { least: tokens(least), most: tokens(most), partition: 0, fromOffset: 0 } };
}

/** Of the first budget, to ada. */
function left({ budgets }: Spending, timeMs: number): number | undefined {
  const budget = budgets.inForce.find(({ unit }) => unit === 'tokens') as Budget;
  return leftOf(budgets, budget, { clientId: 'ada' }, timeMs);
}

function isCounted({ scope }: Budget, clientId: string, ofClientId: string): boolean {
  if (scope.kind === 'all') return true;
  return scope.kind === 'group' ? groupOf(clientId) === scope.group : clientId === ofClientId;
}

/** As a message it counts when it was granted first, and what is reserved for it when that was last. */
interface Counting {
  readonly clientId: string;
  readonly firstMs: number;
  readonly timeMs: number;
  readonly spend: Spend;
}

type Step = SpendingEvent | readonly [{ readonly id: string }, number] | { readonly id: string };

/** Messages are settled as a share of what they have, and released by the place of their grant. */
function eventOf({ budgets }: Spending, step: Step): SpendingEvent | undefined {
  if ('type' in step) return step;
  const [{ id }, share] = 'id' in step ? [step, undefined] : step;
  const held = budgets.reservations.get(id);
  if (held === undefined) return undefined;
  if (share === undefined) return releases(id, held.offset);
  const part = (amount: number) => Math.floor(amount * share);
  return settles(id, { tokens: part(held.granted.tokens), cost: part(held.granted.cost) });
}

function note(
  counted: Map<string, Counting>,
  before: Spending,
  event: SpendingEvent,
  after: Spending,
  timeMs: number,
): void {
  if (event.type === 'MessageBudgeted' && before.budgets !== after.budgets) {
    const { messageId, clientId } = event;
    const spend = after.budgets.reservations.get(messageId)?.granted ?? tokens(0);
    counted.set(messageId, { clientId, timeMs, spend, firstMs: counted.get(messageId)?.firstMs ?? timeMs });
  }
  const held = 'messageId' in event ? counted.get(event.messageId) : undefined;
  if (held === undefined || before.budgets === after.budgets) return;
  if (event.type === 'MessageSettled') counted.set(event.messageId, { ...held, spend: event.used });
  if (event.type === 'ReservationReleased') counted.delete(event.messageId);
}
