import { Refused } from '../../domain/errors/catalogue.ts';
import { type Budgets, budgetsOf, endOfPeriod, usedUp } from '../../domain/spending/budgets.ts';
import type { BudgetSet, CallPrices, ModelPrices, SpendingEvent } from '../../domain/spending/events.ts';
import { evolve, nothingSpent, type Spending } from '../../domain/spending/evolve.ts';
import { currencyOf, type PriceList, type PriceLists, pricesOf } from '../../domain/spending/prices.ts';
import type { Clock } from '../../ports/clock.ts';
import { LogDamaged, LogTruncated, LogUnavailable } from '../../ports/event-log.ts';
import type { Ids } from '../../ports/ids.ts';
import type { Logger } from '../../ports/telemetry.ts';
import type { Journal, JournalEntry } from '../journal.ts';
import { OffsetWaits } from '../offset-waits.ts';

/** Before the topic is followed again after an error. */
const retryMs = 500;

export interface SpendingBookDeps {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'unique'>;
  readonly logger: Logger;
  /** The log can no longer be followed: the process must end. */
  readonly onFault: (error: unknown) => void;
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

  /** Whether a message of the client needs a grant before it is accepted. */
  needsGrant(messageId: string, clientId: string): boolean {
    const { budgets } = this;
    return budgetsOf(budgets, clientId).length > 0 && !budgets.messages.has(messageId);
  }

  /**
   * Has a message counted by all budgets of its client; BUDGET_EXHAUSTED, if one of them is used up. One that was found used up in the period of now is
   * not asked again: a client that goes on trying makes no records. Rejects with LogUnavailable.
   */
  async refusalUnlessGranted(messageId: string, clientId: string): Promise<Refused | undefined> {
    const known = this.#refusal(clientId, this.#deps.clock.nowMs());
    if (known !== undefined) return known;
    const timeMs = await this.#append({ type: 'MessageBudgeted', messageId, clientId });
    return this.budgets.messages.has(messageId) ? undefined : this.#refusal(clientId, timeMs);
  }

  /** Names the budget by its kind: figures of others are none of the client's business. */
  #refusal(clientId: string, timeMs: number): Refused | undefined {
    const budget = usedUp(this.budgets, clientId, timeMs);
    if (budget === undefined) return undefined;
    const { scope, period } = budget;
    return new Refused('BUDGET_EXHAUSTED', `the budget of this ${period} is used up`, {
      metadata: { scope: scope.kind, period },
      retryDelayMs: endOfPeriod(period, timeMs) - timeMs,
    });
  }

  /** Appends, and reads on until the fold has met it. Resolves to its time. */
  async #append(event: SpendingEvent): Promise<number> {
    const [at] = await this.#deps.journal.appendSpending([event]);
    if (at === undefined) throw new Error('the log answered an append of one record with none');
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
