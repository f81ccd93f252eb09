import type { CallPrices, ModelPrices, SpendingEvent } from '../../domain/spending/events.ts';
import {
  currencyOf,
  noPrices,
  type PriceList,
  type PriceLists,
  pricesOf,
  withPriceList,
} from '../../domain/spending/prices.ts';
import type { Clock } from '../../ports/clock.ts';
import { LogDamaged, LogTruncated, LogUnavailable } from '../../ports/event-log.ts';
import type { Ids } from '../../ports/ids.ts';
import type { Logger } from '../../ports/telemetry.ts';
import type { Journal, JournalEntry } from '../journal.ts';

/** Before the topic is followed again after an error. */
const retryMs = 500;

export interface PriceBookDeps {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'unique'>;
  readonly logger: Logger;
  /** The log can no longer be followed: the process must end. */
  readonly onFault: (error: unknown) => void;
}

/** What models cost: the fold of the `spending` topic, as this process follows it. */
export class PriceBook implements AsyncDisposable {
  readonly #deps: PriceBookDeps;
  readonly #stopping = new AbortController();
  #lists: PriceLists = noPrices;
  /** The next offset to be read. */
  #position = 0;
  #waiting: { readonly offset: number; readonly isFolded: PromiseWithResolvers<void> }[] = [];
  #following: Promise<void> = Promise.resolve();

  constructor(deps: PriceBookDeps) {
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

  /** All lists that were in force, and last the one that is. */
  get lists(): PriceLists {
    return this.#lists;
  }

  /** What a call to the model costs that begins now; undefined: it has no price. */
  pricesOf(provider: string, model: string): CallPrices | undefined {
    return pricesOf(this.#lists, provider, model);
  }

  /** Sets prices, in force for each call that begins from now on. undefined: costs are in another currency already. Rejects with LogUnavailable. */
  async set(setBy: string, currency: string, prices: readonly ModelPrices[]): Promise<PriceList | undefined> {
    const { journal, ids } = this.#deps;
    if (currency !== (currencyOf(this.#lists) ?? currency)) return undefined;
    const listId = ids.unique();
    const [at] = await journal.appendSpending([{ type: 'PriceListSet', listId, setBy, currency, prices }]);
    await this.#folded((at?.offset ?? -1) + 1);
    return this.#lists.find((list) => list.listId === listId);
  }

  /** Rejects with LogUnavailable when nothing is read any more. */
  #folded(offset: number): Promise<void> {
    if (this.#position >= offset) return Promise.resolve();
    const isFolded = Promise.withResolvers<void>();
    if (this.#stopping.signal.aborted)
      isFolded.reject(new LogUnavailable('the spending topic is not followed any more', 'unknown'));
    else this.#waiting.push({ offset, isFolded });
    return isFolded.promise;
  }

  #endFollowing(reason: LogUnavailable): void {
    this.#stopping.abort();
    this.#rejectWaiting(reason);
  }

  #rejectWaiting(reason: LogUnavailable): void {
    for (const { isFolded } of this.#waiting.splice(0)) isFolded.reject(reason);
  }

  async #follow(): Promise<void> {
    const { journal, clock, logger, onFault } = this.#deps;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const batches = journal.tail<SpendingEvent>(journal.topics.spending, 0, this.#position, signal);
        for await (const batch of batches) this.#fold(batch);
      } catch (error) {
        if (error instanceof LogDamaged) {
          this.#endFollowing(new LogUnavailable('prices cannot be read any more', 'unknown', { cause: error }));
          onFault(error);
        } else if (error instanceof LogTruncated) {
          logger.error({ err: error }, 'the spending topic is shorter than what was read of it; folding it again');
          this.#lists = noPrices;
          this.#position = 0;
          this.#rejectWaiting(new LogUnavailable('the log has become shorter', 'unknown', { cause: error }));
        } else {
          logger.error({ err: error }, 'cannot follow the spending topic; trying again');
          await clock.sleep(retryMs, signal).catch(() => undefined);
        }
      }
    }
  }

  #fold(batch: readonly JournalEntry<SpendingEvent>[]): void {
    for (const { decoded, timeMs, offset } of batch) {
      if (decoded.kind === 'event') this.#lists = withPriceList(this.#lists, decoded.event, timeMs);
      if (decoded.kind === 'undecodable')
        this.#deps.logger.error(
          { offset, reason: decoded.reason },
          'a record of prices cannot be decoded; it is passed over',
        );
      this.#position = offset + 1;
    }
    const ready = this.#waiting.filter(({ offset }) => offset <= this.#position);
    if (ready.length === 0) return;
    this.#waiting = this.#waiting.filter(({ offset }) => offset > this.#position);
    for (const { isFolded } of ready) isFolded.resolve();
  }
}
