import { Refused } from '../../domain/errors/catalogue.ts';
import { type Budgets, budgetsOf, endOfPeriod, type Reservation, verdictOn } from '../../domain/spending/budgets.ts';
import type {
  BudgetSet,
  CallPrices,
  MessageBudgeted,
  MessageSettled,
  ModelPrices,
  ReservationReleased,
  ReservationWish,
  Spend,
  Spender,
  SpendingEvent,
} from '../../domain/spending/events.ts';
import { evolve, nothingSpent, type Spending } from '../../domain/spending/evolve.ts';
import {
  costOf,
  currencyOf,
  minusSpend,
  noSpend,
  type PriceList,
  type PriceLists,
  plusSpend,
  pricesOf,
} from '../../domain/spending/prices.ts';
import type { Clock } from '../../ports/clock.ts';
import { LogDamaged, LogTruncated, LogUnavailable } from '../../ports/event-log.ts';
import type { Ids } from '../../ports/ids.ts';
import type { MessageToAnswer, Provider, UsedUnits } from '../../ports/provider.ts';
import type { Logger } from '../../ports/telemetry.ts';
import type { Journal, JournalEntry } from '../journal.ts';
import { OffsetWaits } from '../offset-waits.ts';

/** Before the topic is followed again after an error. */
const retryMs = 500;

/** When a client may ask again whose budget has enough, once others have their replies. */
const heldRetryMs = 2_000;

/**
 * A message that comes into the log longer after its grant has none: by then its reservation may be about to be released. Far below the time after which that
 * is done, so that clocks may differ by minutes.
 */
export const maxGrantAgeMs = 30_000;

export interface SpendingBookDeps {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'unique'>;
  readonly logger: Logger;
  /** What says how much replies may use. */
  readonly provider: Pick<Provider, 'name' | 'model' | 'bounds'>;
  /** The log can no longer be followed: the process must end. */
  readonly onFault: (error: unknown) => void;
}

/** A message that asks for its grant, where it is to stand, and from which offset on. */
export interface MessageToGrant extends Spender, Pick<ReservationWish, 'partition' | 'fromOffset'> {
  readonly messageId: string;
  readonly content: MessageToAnswer;
}

interface Fold {
  readonly spending: Spending;
  /** The next offset to be read. */
  readonly position: number;
}

/** What models cost, and budgets: the fold of the `spending` topic, as this process follows it. */
export class SpendingBook implements AsyncDisposable {
  readonly #deps: SpendingBookDeps;
  readonly #stopping = new AbortController();
  #known: Fold = { spending: nothingSpent, position: 0 };
  /** The fold of a log that has become shorter, until it has come to that log's end: what was known before holds until then. */
  #anew: (Fold & { readonly end: number }) | undefined;
  readonly #waits = new OffsetWaits();
  #following: Promise<void> = Promise.resolve();

  constructor(deps: SpendingBookDeps) {
    this.#deps = deps;
  }

  /** Begins to follow the topic. Resolves when all is known that was set before. Rejects with LogUnavailable. */
  async start(): Promise<void> {
    this.#following = this.#follow();
    const { log, topics } = this.#deps.journal;
    await this.#folded(await log.endOffset(topics.spending, 0));
  }

  /** Nothing is followed any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#endFollowing(new LogUnavailable('the spending topic is not followed any more', 'unknown'));
    await this.#following;
  }

  /** How far the topic was read: the offset behind the last record. */
  get position(): number {
    return this.#known.position;
  }

  /** All price lists that were in force, and last the one that is. */
  get lists(): PriceLists {
    return this.#known.spending.prices;
  }

  get budgets(): Budgets {
    return this.#known.spending.budgets;
  }

  /** What a call to the model costs that begins now; undefined: it has no price. */
  pricesOf(provider: string, model: string): CallPrices | undefined {
    return pricesOf(this.lists, provider, model);
  }

  /** Sets prices, in force for each call that begins from now on. undefined: costs are in another currency already. Rejects with LogUnavailable. */
  async setPrices(setBy: string, currency: string, prices: readonly ModelPrices[]): Promise<PriceList | undefined> {
    if (currency !== (currencyOf(this.lists) ?? currency)) return undefined;
    const listId = this.#deps.ids.unique();
    await this.#append({ type: 'PriceListSet', listId, setBy, currency, prices });
    return this.lists.find((list) => list.listId === listId);
  }

  /** Sets or removes a budget. Rejects with LogUnavailable. */
  async setBudget(budget: BudgetSet): Promise<void> {
    await this.#append(budget);
  }

  /** Sets down that messages have their ends, or never came. Rejects with LogUnavailable. */
  async settle(events: readonly (MessageSettled | ReservationReleased)[]): Promise<void> {
    await this.#append(...events);
  }

  /** Whether a message of the client needs a grant before it is accepted. */
  needsGrant(messageId: string, spender: Spender): boolean {
    const { budgets } = this;
    return (
      budgetsOf(budgets, spender).length > 0 && !budgets.messages.has(messageId) && !budgets.reservations.has(messageId)
    );
  }

  /** What is reserved for a message; undefined: nothing. */
  reservationOf(messageId: string): Reservation | undefined {
    return this.budgets.reservations.get(messageId);
  }

  /** What is reserved for messages of a partition. */
  reservationsIn(partition: number): readonly Reservation[] {
    return [...this.budgets.reservations.values()].filter((held) => held.partition === partition);
  }

  /**
   * Whether what is reserved for a message that came into the log at this time is certain to last until its end, and enough for an attempt after what others
   * `spent`.
   */
  covers(messageId: string, receivedAtMs: number, content: MessageToAnswer, spent: Spend): boolean {
    const held = this.reservationOf(messageId);
    if (held === undefined || receivedAtMs - held.timeMs > maxGrantAgeMs) return false;
    const { tokens, cost } = minusSpend(held.granted, spent);
    const least = this.spendOf(this.#deps.provider.bounds(content).least);
    return tokens >= least.tokens && cost >= least.cost;
  }

  /** What so much counts in budgets at most, by the prices of now, and however much is in caches. */
  spendOf(units: UsedUnits): Spend {
    const { name, model } = this.#deps.provider;
    const prices = this.pricesOf(name, model);
    const costs = [0, units.inputTokens].map((cachedInputTokens) =>
      prices === undefined ? 0 : costOf({ ...units, cachedInputTokens }, prices).microUnits,
    );
    return { tokens: units.inputTokens + units.outputTokens, cost: Math.max(...costs) };
  }

  /**
   * Has enough reserved for another attempt at a message that is in the log, after what others `spent`. Resolves to whether its budgets had it. Rejects with
   * LogUnavailable.
   */
  async renew(message: MessageToGrant, receivedAtMs: number, spent: Spend): Promise<boolean> {
    const { messageId, content } = message;
    await this.#append({ ...budgeted(message), reserve: this.#wish(message, spent) });
    return this.covers(messageId, receivedAtMs, content, spent);
  }

  /**
   * Has a message counted by all budgets of its client, and what its replies may use reserved where they count more than messages; BUDGET_EXHAUSTED, if
   * one of them has not left what it needs. What cannot be granted by what is known is not asked: a client that goes on trying makes no records. What was
   * read meanwhile may need another question: ask again until no grant is needed. Rejects with LogUnavailable.
   */
  async refusalUnlessGranted(message: MessageToGrant): Promise<Refused | undefined> {
    const asked = this.#asking(message);
    const known = this.#refusal(asked, this.#deps.clock.nowMs());
    if (known !== undefined) return known;
    const timeMs = await this.#append(asked);
    return this.needsGrant(message.messageId, message) ? this.#refusal(asked, timeMs) : undefined;
  }

  #asking(message: MessageToGrant): MessageBudgeted {
    const asked = budgeted(message);
    const countsMessages = budgetsOf(this.budgets, message).every(({ unit }) => unit === 'messages');
    return countsMessages ? asked : { ...asked, reserve: this.#wish(message) };
  }

  /** The least that another attempt needs, and the most that it can use, beside what others spent. */
  #wish({ content, partition, fromOffset }: MessageToGrant, spent = noSpend): ReservationWish {
    const { least, most } = this.#deps.provider.bounds(content);
    return {
      least: plusSpend(spent, this.spendOf(least)),
      most: plusSpend(spent, this.spendOf(most)),
      partition,
      fromOffset,
    };
  }

  /** Names the budget by its kind: figures of others are none of the client's business. */
  #refusal(asked: MessageBudgeted, timeMs: number): Refused | undefined {
    const verdict = verdictOn(this.budgets, asked, timeMs);
    // Without a wish it is not what one of tokens is asked for: that it has become known means another question.
    if (verdict.type === 'granted' || (asked.reserve === undefined && verdict.budget.unit !== 'messages'))
      return undefined;
    const { budget, isHeld } = verdict;
    const { scope, period, unit } = budget;
    const restMs = endOfPeriod(period, timeMs) - timeMs;
    const what = isHeld ? 'is reserved for messages that are being answered' : 'is used up';
    return new Refused('BUDGET_EXHAUSTED', `the budget of ${unit} of this ${period} ${what}`, {
      metadata: { scope: scope.kind, period, unit },
      retryDelayMs: isHeld ? Math.min(heldRetryMs, restMs) : restMs,
    });
  }

  /** Appends, and reads on until the fold has met all. Resolves to the time of the last. */
  async #append(...events: readonly SpendingEvent[]): Promise<number> {
    const at = (await this.#deps.journal.appendSpending(events)).at(-1);
    if (at === undefined) throw new Error('the log answered an append with nothing');
    await this.#folded(at.offset + 1);
    return at.timeMs;
  }

  /** Rejects with LogUnavailable when nothing is read any more. */
  #folded(offset: number): Promise<void> {
    if (this.position >= offset) return Promise.resolve();
    if (this.#stopping.signal.aborted)
      return Promise.reject(new LogUnavailable('the spending topic is not followed any more', 'unknown'));
    return this.#waits.until(offset);
  }

  #endFollowing(reason: LogUnavailable): void {
    this.#stopping.abort();
    this.#waits.rejectAll(reason);
  }

  async #follow(): Promise<void> {
    const { journal, clock, logger, onFault } = this.#deps;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const batches = journal.tail<SpendingEvent>(
          journal.topics.spending,
          0,
          (this.#anew ?? this.#known).position,
          signal,
        );
        for await (const batch of batches) this.#fold(batch);
      } catch (error) {
        if (error instanceof LogDamaged) {
          this.#endFollowing(new LogUnavailable('prices cannot be read any more', 'unknown', { cause: error }));
          onFault(error);
        } else if (error instanceof LogTruncated) {
          logger.error({ err: error }, 'the spending topic is shorter than what was read of it; folding it again');
          this.#hold({ spending: nothingSpent, position: 0 }, error.endOffset);
          this.#waits.rejectAll(new LogUnavailable('the log has become shorter', 'unknown', { cause: error }));
        } else {
          logger.error({ err: error }, 'cannot follow the spending topic; trying again');
          await clock.sleep(retryMs, signal).catch(() => undefined);
        }
      }
    }
  }

  #fold(batch: readonly JournalEntry<SpendingEvent>[]): void {
    let { spending, position } = this.#anew ?? this.#known;
    for (const { decoded, timeMs, offset } of batch) {
      if (decoded.kind === 'event') spending = evolve(spending, decoded.event, { offset, timeMs });
      if (decoded.kind === 'undecodable')
        this.#deps.logger.error(
          { offset, reason: decoded.reason },
          'a record of the spending topic cannot be decoded; it is passed over',
        );
      position = offset + 1;
    }
    this.#hold({ spending, position }, this.#anew?.end ?? 0);
  }

  /** What is folded is known once it has come to this offset. */
  #hold(fold: Fold, end: number): void {
    if (fold.position < end) {
      this.#anew = { ...fold, end };
      return;
    }
    this.#anew = undefined;
    this.#known = fold;
    this.#waits.reached(fold.position);
  }
}

function budgeted({ messageId, clientId, group }: MessageToGrant): MessageBudgeted {
  return { type: 'MessageBudgeted', messageId, clientId, ...(group !== undefined && { group }) };
}
