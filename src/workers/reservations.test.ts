import { describe, expect, test } from '@jest/globals';
import type { SpendingBook } from '../app/spending/spending-book.ts';
import type { ReplyStarted } from '../domain/conversation/events.ts';
import { leftOf } from '../domain/spending/budgets.ts';
import type { SpendingEvent } from '../domain/spending/events.ts';
import { ProviderError } from '../ports/provider.ts';
import { messageReceived } from '../testing/conversation-events.ts';
import { type ScriptedCall, ScriptedProvider } from '../testing/scripted-provider.ts';
import { eventually } from '../testing/test-sessions.ts';
import { HastyClock, WorkerWorld } from '../testing/worker-world.ts';
import { orphanedAfterMs } from './limits.ts';
import { contentOf } from './reply-request.ts';
import { Settlements } from './settlements.ts';

/** Asks for at most 100 tokens of a reply, and at least 10. */
function scripted(...scripts: readonly ((call: ScriptedCall) => void)[]): ScriptedProvider {
  const provider = new ScriptedProvider();
  provider.answer = (call) => scripts[Math.min(provider.calls.length, scripts.length) - 1]?.(call);
  return provider;
}

const answering = (inputTokens: number, outputTokens: number) => (call: ScriptedCall) =>
  call.say('Yes.', { type: 'usage', inputTokens, outputTokens }).end();

async function budgeted(world: WorkerWorld, provider: ScriptedProvider, tokens: number): Promise<SpendingBook> {
  const book = await world.book(provider);
  await book.setBudget(monthly(tokens));
  return book;
}

const monthly = (amount?: number) =>
  ({
    ...({ type: 'BudgetSet', setBy: '', scope: { kind: 'each' }, period: 'month', unit: 'tokens' } as const),
    ...(amount !== undefined && { amount }),
  }) as const;

/** As its gateway asks, and then says it. `fromOffset`: of the partition. */
async function reserve(book: SpendingBook, messageId: string, fromOffset = 0): Promise<void> {
  const { clientId, parts } = messageReceived(messageId);
  const content = contentOf({ parts, instructions: '' });
  expect(await book.refusalUnlessGranted({ messageId, clientId, content, partition: 0, fromOffset })).toBeUndefined();
}

async function say(world: WorkerWorld, book: SpendingBook, messageId: string): Promise<void> {
  await world.say(messageId, 'client', undefined, { hasReservation: true, spendingOffset: book.position });
}

async function settled(world: WorkerWorld, count: number): Promise<readonly SpendingEvent[]> {
  const read = async () => {
    const entries = await world.journal.read<SpendingEvent>(world.journal.topics.spending, 0, 0, 1_000);
    const events = entries.flatMap(({ decoded }) => (decoded.kind === 'event' ? [decoded.event] : []));
    return events.filter(({ type }) => type === 'MessageSettled' || type === 'ReservationReleased');
  };
  return eventually(read, (events) => events.length >= count);
}

function left(book: SpendingBook): number {
  const [budget] = book.budgets.inForce;
  if (budget === undefined) throw new Error('no budget');
  return leftOf(book.budgets, budget, { clientId: 'client' }, Date.now());
}

/** Tokens that the question takes. */
const asking = Math.ceil('What about c/1?'.length / 3);

describe('a message for which something is reserved', () => {
  test('is answered within it, and what it did not use is free again at its end', async () => {
    await using world = await WorkerWorld.open();
    const provider = scripted(answering(asking, 7));
    await using book = await budgeted(world, provider, 1_000);
    world.worker({ provider, spending: book });
    await reserve(book, 'c/1');
    expect(left(book)).toBe(1_000 - asking - 100);
    await say(world, book, 'c/1');
    expect(await settled(world, 1)).toEqual([
      { type: 'MessageSettled', messageId: 'c/1', used: { tokens: asking + 7, cost: 0 } },
    ]);
    await eventually(
      async () => left(book),
      (tokens) => tokens === 1_000 - asking - 7,
    );
    expect(provider.calls[0]?.request.limits).toEqual({ inputTokens: asking, outputTokens: 100 });
    const started = (await world.events()).find((event): event is ReplyStarted => event.type === 'ReplyStarted');
    expect(started?.call).toMatchObject({ inputTokens: asking, maxOutputTokens: 100 });
  });

  test('gets a shorter reply where less is left, and no further attempt where nothing is', async () => {
    await using world = await WorkerWorld.open();
    const cut = (outputTokens: number) => (call: ScriptedCall) =>
      call.say('It is ', { type: 'usage', inputTokens: asking, outputTokens }).fail(new ProviderError('cut', true));
    const provider = scripted(cut(22), cut(10));
    await using book = await budgeted(world, provider, 2 * asking + 45);
    world.worker({ provider, spending: book });
    await reserve(book, 'c/1');
    await say(world, book, 'c/1');
    const end = await world.ended('completed', 'c/1');
    expect(end).toMatchObject({ incomplete: true, attempt: 2, parts: [{ text: 'It is ' }] });
    const limits = provider.calls.map(({ request }) => request.limits?.outputTokens);
    expect(limits).toEqual([22, 10]);
    expect(await settled(world, 1)).toMatchObject([{ used: { tokens: 2 * asking + 32 } }]);
  });

  test('is settled by the next worker, where its own has written the end and died', async () => {
    await using world = await WorkerWorld.open();
    const provider = scripted(answering(asking, 7));
    await using book = await budgeted(world, provider, 1_000);
    const dead = { ...reaching(book), settle: () => new Promise<void>(() => {}) };
    const first = world.worker({ provider, spending: dead });
    await reserve(book, 'c/1');
    await say(world, book, 'c/1');
    await world.ended('completed', 'c/1');
    first.assign([]);
    expect(book.reservationsIn(0)).toHaveLength(1);
    world.worker({ provider, spending: book });
    expect(await settled(world, 1)).toMatchObject([{ messageId: 'c/1', used: { tokens: asking + 7 } }]);
  });

  test('asks once more, where what was reserved is gone, and has no reply where nothing is left', async () => {
    await using world = await WorkerWorld.open();
    const provider = scripted(answering(asking, 7));
    await using book = await budgeted(world, provider, 1_000);
    for (const messageId of ['c/1', 'c/2']) {
      await reserve(book, messageId);
      const grantOffset = book.reservationOf(messageId)?.offset ?? -1;
      await book.settle([{ type: 'ReservationReleased', messageId, grantOffset }]);
    }
    world.worker({ provider, spending: book });
    await say(world, book, 'c/1');
    await world.ended('completed', 'c/1');
    expect(await settled(world, 3)).toMatchObject([{}, {}, { messageId: 'c/1', used: { tokens: asking + 7 } }]);
    await book.setBudget(monthly(asking + 10));
    await say(world, book, 'c/2');
    expect(await world.ended('failed', 'c/2')).toMatchObject({ reason: 'BUDGET_EXHAUSTED', attempt: 0 });
    expect(provider.asked).toEqual(['c/1']);
  });
});

test('what is reserved for a message that never came is released, but not before it may still come', async () => {
  await using world = await WorkerWorld.open();
  const provider = scripted();
  await using book = await budgeted(world, provider, 1_000);
  await reserve(book, 'c/1');
  await world.append(messageReceived('c/9'));
  const fold = world.follower();
  await fold.begun;
  await fold.folded(1);
  const over = new AbortController();
  const clock = new HastyClock(1_000);
  const quiet = () => {};
  const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  const { journal } = world;
  const settlements = new Settlements({ journal, spending: book, clock, random: () => 0, logger }, 0, over.signal);
  const beganMs = clock.monotonicMs();
  const looking = settlements.lookAfter(fold);
  expect(await settled(world, 1)).toMatchObject([{ type: 'ReservationReleased', messageId: 'c/1' }]);
  expect(clock.monotonicMs() - beganMs).toBeGreaterThanOrEqual(orphanedAfterMs);
  over.abort();
  await looking;
  await eventually(
    async () => book.reservationsIn(0).length,
    (count) => count === 0,
  );
  expect(left(book)).toBe(1_000);
});

/** Its methods, as they are reached through the object. */
function reaching(book: SpendingBook) {
  return {
    pricesOf: book.pricesOf.bind(book),
    spendOf: book.spendOf.bind(book),
    covers: book.covers.bind(book),
    renew: book.renew.bind(book),
    reservationOf: book.reservationOf.bind(book),
    reservationsIn: book.reservationsIn.bind(book),
  };
}
