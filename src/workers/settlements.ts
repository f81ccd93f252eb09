import { backOffMs, pause } from '../app/back-off.ts';
import type { PartitionFollower } from '../app/following/partition-follower.ts';
import type { Journal } from '../app/journal.ts';
import type { SpendingBook } from '../app/spending/spending-book.ts';
import type { ConversationEvent } from '../domain/conversation/events.ts';
import { evolve, initialPartition, pendingMessage } from '../domain/conversation/partition-state.ts';
import type { Reservation } from '../domain/spending/budgets.ts';
import type { MessageSettled, ReservationReleased } from '../domain/spending/events.ts';
import { type SpendingEnd, spendingEnd } from '../domain/spending/invariants.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/telemetry.ts';
import { logRetryInitialDelayMs, logRetryMaxDelayMs, orphanedAfterMs, orphansLookedForMs } from './limits.ts';

export interface SettlementDeps {
  readonly journal: Journal;
  readonly spending: Pick<SpendingBook, 'settle' | 'reservationsIn'>;
  readonly clock: Clock;
  /** 0 ≤ x < 1, for the spread of waits. */
  readonly random: () => number;
  readonly logger: Logger;
}

/** Records read at once. */
const batchRecords = 1_000;

/** What is reserved for a message that is not pending. */
interface Open {
  readonly reservation: Reservation;
  /** Monotonic time of the first look that found it: no clock of another machine tells how old it is. */
  readonly sinceMs: number;
  /** Before this offset the log has nothing of the message. */
  readonly from: number;
}

interface Found {
  readonly received: ReadonlySet<string>;
  readonly ends: readonly SpendingEnd[];
}

/**
 * Sets down in the topic `spending` what the messages of a partition used, by whoever has the partition: each at its end, and those whose ends the worker
 * before did not set down, from the log. What was reserved for messages that never came is released.
 */
export class Settlements {
  readonly #deps: SettlementDeps;
  readonly #partition: number;
  readonly #over: AbortSignal;
  readonly #due = new Map<string, MessageSettled | ReservationReleased>();
  /** What was open at the last look, by message. */
  #open: ReadonlyMap<string, Open> = new Map();
  #isWriting = false;

  /** `over`: the partition is given up; what is due then is the next worker's to find. */
  constructor(deps: SettlementDeps, partition: number, over: AbortSignal) {
    this.#deps = deps;
    this.#partition = partition;
    this.#over = over;
  }

  /** A message has its end. */
  add(end: SpendingEnd): void {
    this.#write({ type: 'MessageSettled', ...end });
  }

  /** Looks, at once and now and then, for what others left open, until the partition is given up. Never rejects. */
  async lookAfter(fold: Pick<PartitionFollower, 'state'>): Promise<void> {
    const { clock, logger } = this.#deps;
    for (let isFirst = true; !this.#over.aborted; isFirst = false) {
      try {
        await this.#look(fold, isFirst);
      } catch (error) {
        logger.warn({ partition: this.#partition, err: error }, 'what is reserved cannot be compared with the log');
      }
      await pause(clock, orphansLookedForMs, this.#over);
    }
  }

  /**
   * What is pending is settled at its end; of what else is reserved the log has the end, or nothing. Looked for at once after the claim, and later where it is
   * open for the second time: before, it is on its way, as a rule.
   */
  async #look(fold: Pick<PartitionFollower, 'state'>, isFirst: boolean): Promise<void> {
    const { spending, clock, journal } = this.#deps;
    const before = this.#open;
    const nowMs = clock.monotonicMs();
    const held = spending
      .reservationsIn(this.#partition)
      .filter(({ messageId }) => !this.#due.has(messageId) && pendingMessage(fold.state, messageId) === undefined);
    const open = new Map(
      held.map((reservation) => {
        const known = before.get(reservation.messageId);
        const isKnown = known?.reservation.offset === reservation.offset;
        return [reservation.messageId, isKnown ? known : { reservation, sinceMs: nowMs, from: reservation.fromOffset }];
      }),
    );
    this.#open = open;
    const looked = [...open.values()].filter(({ reservation }) => isFirst || before.has(reservation.messageId));
    if (looked.length === 0) return;
    // Not as far as the fold has come: whoever is slow must not take from others what is there.
    const upTo = await journal.log.endOffset(journal.topics.conversations, this.#partition);
    const { received, ends } = await this.#found(looked, upTo);
    for (const end of ends) this.add(end);
    for (const { reservation, sinceMs } of looked) {
      const { messageId, offset: grantOffset } = reservation;
      if (received.has(messageId)) continue;
      open.set(messageId, { reservation, sinceMs, from: upTo });
      if (nowMs - sinceMs >= orphanedAfterMs) this.#write({ type: 'ReservationReleased', messageId, grantOffset });
    }
  }

  /** What the log has of these messages up to this offset. A fold that begins before a message came knows how it ended. */
  async #found(open: readonly Open[], upTo: number): Promise<Found> {
    const { journal } = this.#deps;
    const wanted = new Set(open.map(({ reservation }) => reservation.messageId));
    const received = new Set<string>();
    const ends: SpendingEnd[] = [];
    let state = initialPartition;
    for (let next = Math.min(...open.map(({ from }) => from)); next < upTo && !this.#over.aborted; ) {
      const { conversations } = journal.topics;
      const entries = await journal.read<ConversationEvent>(conversations, this.#partition, next, batchRecords);
      for (const { offset, timeMs, decoded } of entries) {
        next = offset + 1;
        if (decoded.kind !== 'event') continue;
        const { event } = decoded;
        if (event.type === 'MessageReceived' && wanted.has(event.messageId)) received.add(event.messageId);
        const before = state;
        state = evolve(before, event, { offset, timeMs });
        const end = state === before ? undefined : spendingEnd(before, event);
        if (end !== undefined && wanted.has(end.messageId)) ends.push(end);
      }
      if (entries.length === 0) break;
    }
    return { received, ends };
  }

  #write(event: MessageSettled | ReservationReleased): void {
    this.#due.set(event.messageId, event);
    if (this.#isWriting) return;
    this.#isWriting = true;
    void this.#writeDue().finally(() => {
      this.#isWriting = false;
    });
  }

  /** Until all is written. Never rejects. */
  async #writeDue(): Promise<void> {
    const { spending, clock, random, logger } = this.#deps;
    for (let failures = 0; this.#due.size > 0 && !this.#over.aborted; ) {
      const events = [...this.#due.values()];
      try {
        await spending.settle(events);
        failures = 0;
        for (const event of events) if (this.#due.get(event.messageId) === event) this.#due.delete(event.messageId);
      } catch (error) {
        failures += 1;
        logger.warn({ partition: this.#partition, err: error }, 'what replies used was not set down; trying again');
        await pause(clock, backOffMs(failures, logRetryInitialDelayMs, logRetryMaxDelayMs, random), this.#over);
      }
    }
  }
}
