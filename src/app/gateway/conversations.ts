import { Refused } from '../../domain/errors/catalogue.ts';
import { historyWaitMs } from '../../domain/limits.ts';
import type { History, HistoryConversation, HistoryProgress } from '../../ports/history.ts';
import type { Ids } from '../../ports/ids.ts';
import type { Journal } from '../journal.ts';

export interface ConversationsDeps {
  readonly journal: Journal;
  readonly history: Pick<History, 'getConversation' | 'conversationStatus'>;
  readonly progress: HistoryProgress;
  readonly ids: Ids;
}

/** Conversations as history has them, known as far as the log goes. */
export class Conversations {
  readonly #deps: ConversationsDeps;

  constructor(deps: ConversationsDeps) {
    this.#deps = deps;
  }

  /** The partition that holds the conversation. */
  partition(conversationId: string): number {
    const { ids, journal } = this.#deps;
    return ids.partition(conversationId, journal.log.partitions(journal.topics.conversations));
  }

  /**
   * The conversation, or null when the log has none. One unknown to history may be new, and is waited for: a reloaded page must not get NOT_FOUND.
   * Throws HISTORY_BEHIND.
   */
  async find(conversationId: string): Promise<HistoryConversation | null> {
    const { history } = this.#deps;
    const known = await history.getConversation(conversationId);
    if (known !== null || (await history.conversationStatus(conversationId)) === 'deleted') return known;
    return this.partitionWhole(this.partition(conversationId), () => history.getConversation(conversationId));
  }

  /** Waits until history holds everything that the log holds now. Throws HISTORY_BEHIND. */
  async allCaughtUp(): Promise<void> {
    // At once: one after the other, whoever connects would wait for a write of the projector in each.
    await Promise.all(this.#partitions().map((partition) => this.caughtUp(partition)));
  }

  /** What `ask` answers of a history that holds everything that the log holds now, all the while. Throws HISTORY_BEHIND. */
  allWhole<T>(ask: () => Promise<T>): Promise<T> {
    return this.#whole(this.#partitions(), ask);
  }

  /** The same, of one partition. */
  partitionWhole<T>(partition: number, ask: () => Promise<T>): Promise<T> {
    return this.#whole([partition], ask);
  }

  /** Waits until history holds everything that the partition holds now; answers with that end. Throws HISTORY_BEHIND. */
  async caughtUp(partition: number): Promise<number> {
    const { journal, progress } = this.#deps;
    const end = await journal.log.endOffset(journal.topics.conversations, partition);
    if (!(await progress.reached(partition, end, historyWaitMs))) throw new Refused('HISTORY_BEHIND');
    return end;
  }

  async #whole<T>(partitions: readonly number[], ask: () => Promise<T>): Promise<T> {
    return this.#wholeUpTo(await this.#ends(partitions), ask);
  }

  async #wholeUpTo<T>(ends: ReadonlyMap<number, number>, ask: () => Promise<T>): Promise<T> {
    const whole = await this.#deps.progress.whole(ends, historyWaitMs, ask);
    if (whole === null) throw new Refused('HISTORY_BEHIND');
    return whole.answer;
  }

  #partitions(): readonly number[] {
    const { log, topics } = this.#deps.journal;
    return Array.from({ length: log.partitions(topics.conversations) }, (_, partition) => partition);
  }

  async #ends(partitions: readonly number[]): Promise<ReadonlyMap<number, number>> {
    const { log, topics } = this.#deps.journal;
    const ends = partitions.map(async (partition) => {
      return [partition, await log.endOffset(topics.conversations, partition)] as const;
    });
    return new Map(await Promise.all(ends));
  }
}
