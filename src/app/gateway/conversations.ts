import { Refused } from '../../domain/errors/catalogue.ts';
import { historyWaitMs } from '../../domain/limits.ts';
import type { Appended } from '../../ports/event-log.ts';
import type { History, HistoryConversation, HistoryMessage, HistoryProgress } from '../../ports/history.ts';
import type { Ids } from '../../ports/ids.ts';
import type { Journal } from '../journal.ts';

export interface ConversationsDeps {
  readonly journal: Journal;
  readonly history: Pick<History, 'getConversation' | 'conversationStatus' | 'getMessage' | 'pendingOf'>;
  readonly progress: HistoryProgress;
  readonly ids: Ids;
}

/** What a client has said and has no answer to; none is missing that the log held before these ends of its partitions. */
export interface Unanswered {
  readonly messages: readonly HistoryMessage[];
  /** By partition; history holds everything before them. */
  readonly ends: readonly number[];
}

/** Conversations as sessions need them: begun, owned, and known as far as the log goes. All appends reject with LogUnavailable. */
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

  async start(conversationId: string, clientId: string): Promise<void> {
    await this.#deps.journal.appendConversation(this.partition(conversationId), conversationId, [
      { type: 'ConversationStarted', conversationId, clientId },
    ]);
  }

  requestStop(conversationId: string, messageId: string): Promise<readonly Appended[]> {
    return this.#deps.journal.appendConversation(this.partition(conversationId), conversationId, [
      { type: 'StopRequested', conversationId, messageId },
    ]);
  }

  /**
   * The conversation, or null when the log has none. What history does not know may have begun a moment ago, and is waited for: a page that is reloaded
   * must not be told that there is no such conversation. Throws HISTORY_BEHIND.
   */
  async find(conversationId: string): Promise<HistoryConversation | null> {
    const { history } = this.#deps;
    const known = await history.getConversation(conversationId);
    if (known !== null || (await history.conversationStatus(conversationId)) === 'deleted') return known;
    return this.partitionWhole(this.partition(conversationId), () => history.getConversation(conversationId));
  }

  /**
   * Throws NOT_FOUND, NOT_YOURS or HISTORY_BEHIND unless the client may join the conversation. Whose it is never changes, and who deletes it is answered
   * when history shows that: one that history knows need not be waited for.
   */
  async checkOwned(conversationId: string, clientId: string): Promise<void> {
    const conversation = await this.find(conversationId);
    if (conversation === null) throw new Refused('NOT_FOUND', 'there is no such conversation');
    if (conversation.clientId !== clientId) throw new Refused('NOT_YOURS', 'the conversation belongs to somebody else');
  }

  /** True when history knows that the conversation was deleted. What it lacks may have been lost with its store, and comes again. */
  async isGone(conversationId: string): Promise<boolean> {
    return (await this.#deps.history.conversationStatus(conversationId)) === 'deleted';
  }

  /** The conversation of the client's message, or undefined if the message is final. Throws NOT_FOUND, NOT_YOURS or HISTORY_BEHIND. */
  async ofPendingMessage(messageId: string, clientId: string): Promise<string | undefined> {
    const message = (await this.#deps.history.getMessage(messageId)) ?? (await this.#answeredLately(messageId));
    if (message === null) throw new Refused('NOT_FOUND', 'there is no such message');
    if (message.clientId !== clientId) throw new Refused('NOT_YOURS', 'the message belongs to somebody else');
    return message.completeTimeMs === null ? message.conversationId : undefined;
  }

  /** A message that was answered before history knew of it is not pending any more, and all the same it is there. */
  async #answeredLately(messageId: string): Promise<HistoryMessage | null> {
    return this.allWhole(() => this.#deps.history.getMessage(messageId));
  }

  /** At most `limit` unanswered messages of the client. Throws HISTORY_BEHIND. */
  async pendingOf(clientId: string, limit: number): Promise<Unanswered> {
    const ends = await this.#ends(this.#partitions());
    const messages = await this.#wholeUpTo(ends, () => this.#deps.history.pendingOf(clientId, limit));
    return { messages, ends: [...ends.values()] };
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
