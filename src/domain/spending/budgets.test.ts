import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../testing/property.ts';
import { budgetsOf, endOfPeriod, grantedOf, noBudgets, usedUp } from './budgets.ts';
import type { BudgetPeriod, BudgetScope, SpendingEvent } from './events.ts';
import { evolve, nothingSpent, type Spending } from './evolve.ts';

const all: BudgetScope = { kind: 'all' };
const each: BudgetScope = { kind: 'each' };
const ada: BudgetScope = { kind: 'client', clientId: 'ada' };
const minuteMs = 60_000;
const dayMs = 86_400_000;

function set(scope: BudgetScope, period: BudgetPeriod, messages?: number): SpendingEvent {
  return { type: 'BudgetSet', setBy: 'olga', scope, period, ...(messages !== undefined && { messages }) };
}

function asks(clientId: string, messageId: string): SpendingEvent {
  return { type: 'MessageBudgeted', messageId, clientId };
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
    expect(budget && grantedOf(state.budgets, budget, 'ada', 30_000)).toBe(2);
    expect(budget && grantedOf(state.budgets, budget, 'ada', minuteMs + 5)).toBe(1);
  });

  test('of all clients together are one for all', () => {
    const state = folded([0, set(all, 'hour', 2)], [1, asks('ada', 'a')], [2, asks('bob', 'b')], [3, asks('eve', 'c')]);
    expect(grants(state, 'a', 'b', 'c')).toEqual(['a', 'b']);
  });

  test('of one client stand instead of the one of each over the same time, and several hold at once', () => {
    const state = folded(
      [0, set(each, 'day', 1)],
      [0, set(ada, 'day', 3)],
      [0, set(ada, 'hour', 2)],
      [0, set(all, 'month', 9)],
    );
    const periods = (clientId: string) =>
      budgetsOf(state.budgets, clientId).map(({ scope, period }) => `${scope.kind} ${period}`);
    expect(periods('ada')).toEqual(['client day', 'client hour', 'all month']);
    expect(periods('bob')).toEqual(['each day', 'all month']);
    expect(budgetsOf(noBudgets, 'ada')).toEqual([]);
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
    expect(usedUp(state.budgets, 'ada', 2)).toMatchObject({ scope: all, period: 'day' });
    expect(usedUp(state.budgets, 'ada', dayMs)).toBeUndefined();
  });

  test.each([
    ['minute', '2026-11-27T10:20:30Z', '2026-11-27T10:21:00Z'],
    ['hour', '2026-11-27T10:20:30Z', '2026-11-27T11:00:00Z'],
    ['day', '2026-11-27T10:20:30Z', '2026-11-28T00:00:00Z'],
    ['month', '2026-12-27T10:20:30Z', '2027-01-01T00:00:00Z'],
  ] as const)('of a %s begin anew in time', (period, now, then) => {
    expect(endOfPeriod(period, Date.parse(now))).toBe(Date.parse(then));
  });

  test('are never exceeded: in no period of no prefix are more granted than the budget in force had', () => {
    const clientId = fc.constantFrom('ada', 'bob', 'eve');
    const scope = fc.oneof(
      fc.constant(all),
      fc.constant(each),
      clientId.map((id) => ({ kind: 'client' as const, clientId: id })),
    );
    const period = fc.constantFrom('minute' as const, 'hour' as const, 'day' as const);
    const messages = fc.option(fc.nat(4), { nil: undefined });
    const step = fc.record({
      gapMs: fc.nat(40_000),
      what: fc.oneof(
        { weight: 1, arbitrary: fc.tuple(scope, period, messages).map(([of, over, count]) => set(of, over, count)) },
        { weight: 6, arbitrary: fc.tuple(clientId, fc.nat(60)).map(([client, id]) => asks(client, `${client}-${id}`)) },
      ),
    });
    assertProperty(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        let state = nothingSpent;
        let timeMs = 0;
        const granted: { readonly clientId: string; readonly timeMs: number }[] = [];
        for (const [offset, { gapMs, what }] of steps.entries()) {
          timeMs += gapMs;
          const before = state;
          state = evolve(state, what, { offset, timeMs });
          if (what.type !== 'MessageBudgeted') continue;
          const isNew = !before.budgets.messages.has(what.messageId) && state.budgets.messages.has(what.messageId);
          if (isNew) granted.push({ clientId: what.clientId, timeMs });
          const endsMs = (over: BudgetPeriod) => (one: { readonly timeMs: number }) => endOfPeriod(over, one.timeMs);
          for (const budget of budgetsOf(state.budgets, what.clientId)) {
            const end = endsMs(budget.period);
            const counted = granted.filter(
              (one) => end(one) === end({ timeMs }) && (budget.scope.kind === 'all' || one.clientId === what.clientId),
            );
            expect(grantedOf(state.budgets, budget, what.clientId, timeMs)).toBe(counted.length);
            if (isNew) expect(counted.length).toBeLessThanOrEqual(budget.messages);
          }
        }
      }),
    );
  });
});
