import { Refused } from '../../domain/errors/catalogue.ts';
import { historyWaitMs } from '../../domain/limits.ts';
import type { History, HistoryMessage, HistoryProgress, Missed } from '../../ports/history.ts';
import { ReadModelUnavailable } from '../../ports/read-model.ts';
import type { Metrics } from '../../ports/telemetry.ts';
import type { Following } from '../following/following.ts';
import type { FollowedRecord } from '../following/recent-records.ts';
import type { ConversationPast, Refolds } from '../following/refold.ts';
import type { Journal } from '../journal.ts';
import type { ClientWrites } from '../rate-limits/client-writes.ts';

export interface SessionConversationsDeps {
  readonly journal: Journal;
  readonly following: Following;
  readonly refolds: Refolds;
  readonly history: Pick<History, 'getConversation' | 'getMessage' | 'replay' | 'usageOf'>;
  readonly progress: HistoryProgress;
  readonly metrics: Pick<Metrics, 'historyRead'>;
  readonly writes: Pick<ClientWrites, 'take'>;
}

/** Messages read from history at once. */
const replayBatch = 100;

/** Something that a client has missed, with its offset: from the log, or from history. */
export type MissedRecord =
  | { readonly type: 'record'; readonly record: FollowedRecord }
  | { readonly type: 'message'; readonly at: number; readonly message: HistoryMessage };

/** Where a message stands. */
export interface SaidAt {
  readonly sequence: number;
  readonly timeMs: number;
}

/**
 * Conversations for sessions. Recent records are known from the log as this process follows it. Older ones come from history; where that is unavailable
 * or behind, the partition is folded from its beginning. All reject with LogUnavailable, or with ReadModelUnavailable where the log is too long for
 * that.
 */
export class SessionConversations {
  readonly #deps: SessionConversationsDeps;

  constructor(deps: SessionConversationsDeps) {
    this.#deps = deps;
  }

  /** Begins a conversation; it is known here when this resolves. */
  async start(conversationId: string, clientId: string): Promise<void> {
    const { journal, following } = this.#deps;
    const partition = following.partitionOf(conversationId);
    const [at] = await journal.appendConversation(partition, conversationId, [
      { type: 'ConversationStarted', conversationId, clientId },
    ]);
    await following.folded(partition, (at?.offset ?? -1) + 1);
  }

  /** Throws NOT_FOUND or NOT_YOURS unless the client may be in the conversation. */
  async checkOwned(conversationId: string, clientId: string): Promise<void> {
    const owner = await this.#ownerOf(conversationId);
    if (owner === undefined) throw new Refused('NOT_FOUND', 'there is no such conversation');
    if (owner !== clientId) throw new Refused('NOT_YOURS', 'the conversation belongs to somebody else');
  }

  /** The log, as far as it was read here, says that the conversation was deleted. */
  isDeleted(conversationId: string): boolean {
    return this.#deps.following.of(conversationId).state.deleted.has(conversationId);
  }

  /** Whether the log has the message, as far as the fold knows. */
  seen(conversationId: string, messageId: string): 'before' | 'never' | 'unknown' {
    const fold = this.#deps.following.of(conversationId);
    if (fold.state.known.has(messageId)) return 'before';
    return fold.beganSinceKnown(conversationId) ? 'never' : 'unknown';
  }

  /**
   * Bytes that history keeps of the client's conversations, the same at every gateway; undefined: history is away. What history has not read
   * yet is not in it: the unanswered messages of the client, at most.
   */
  async usedBytes(clientId: string): Promise<number | undefined> {
    try {
      return (await this.#deps.history.usageOf(clientId)).bytes;
    } catch (error) {
      if (error instanceof ReadModelUnavailable) return undefined;
      throw error;
    }
  }

  /** Where the message was said first; undefined: it never was. */
  async said(conversationId: string, messageId: string): Promise<SaidAt | undefined> {
    const { following, history } = this.#deps;
    const fold = following.of(conversationId);
    const sequence = fold.state.known.offsetOf(messageId);
    if (sequence !== undefined) return { sequence, timeMs: await this.#timeOf(conversationId, sequence) };
    if (fold.beganSinceKnown(conversationId)) return undefined;
    return this.#ofPast(
      conversationId,
      fold.knownFrom,
      async () => placeOf(await history.getMessage(messageId)),
      ({ said }) => {
        const first = said.get(messageId);
        return first && { sequence: first.offset, timeMs: first.timeMs };
      },
    );
  }

  /** Records that the client wants no more of the reply to its message. Throws NOT_FOUND, NOT_YOURS, HISTORY_BEHIND or TOO_MANY_WRITES. */
  async requestStop(messageId: string, clientId: string, clientAddress: string | undefined): Promise<void> {
    const message = await this.#answerable(messageId);
    if (message === null) throw new Refused('NOT_FOUND', 'there is no such message');
    if (message.clientId !== clientId) throw new Refused('NOT_YOURS', 'the message belongs to somebody else');
    if (message.isFinal) return;
    const { journal, following, writes } = this.#deps;
    const { conversationId } = message;
    writes.take(clientId, 'stop', clientAddress);
    await journal.appendConversation(following.partitionOf(conversationId), conversationId, [
      { type: 'StopRequested', conversationId, messageId },
    ]);
  }

  /** What happened in the conversation after `after` and before `upTo`, in order, in batches. Of its titles history may give the newest only. */
  async *missed(conversationId: string, after: number, upTo: number): AsyncIterable<readonly MissedRecord[]> {
    yield* this.#missedBeforeDeletion(conversationId, after, upTo);
    // Of a conversation that was deleted nothing else is left.
    const offset = this.#deps.following.of(conversationId).state.deleted.offsetOf(conversationId) ?? upTo;
    if (offset > after && offset < upTo)
      yield [{ type: 'record', record: { offset, event: { type: 'ConversationDeleted', conversationId } } }];
  }

  async *#missedBeforeDeletion(
    conversationId: string,
    after: number,
    upTo: number,
  ): AsyncIterable<readonly MissedRecord[]> {
    let through = after;
    try {
      for await (const missed of this.#missedByHistory(conversationId, after, upTo)) {
        yield missed.map((one) => recordOf(conversationId, one));
        through = missed.at(-1)?.at ?? through;
      }
      return;
    } catch (error) {
      if (!(error instanceof ReadModelUnavailable)) throw error;
    }
    const { records } = await this.#refold(conversationId, upTo);
    const missed = records.filter(({ offset }) => offset > through && offset < upTo);
    yield missed.map((record) => ({ type: 'record', record }));
  }

  /** Rejects with ReadModelUnavailable also when history does not hold all of it while it is read. */
  async *#missedByHistory(conversationId: string, after: number, upTo: number): AsyncIterable<readonly Missed[]> {
    const { following, history, progress, metrics, refolds } = this.#deps;
    const partition = following.partitionOf(conversationId);
    const places = new Map([[partition, upTo]]);
    const waitMs = refolds.historyWaitMs(partition);
    const batches = history.replay(conversationId, after, replayBatch)[Symbol.asyncIterator]();
    for (let reads = 0; ; reads += 1) {
      const whole = await progress.whole(places, waitMs, () => batches.next());
      if (whole === null) throw new ReadModelUnavailable('history is behind');
      const { done, value } = whole.answer;
      // That nothing was missed is a read, too.
      if (done !== true || reads === 0) metrics.historyRead();
      if (done === true) return;
      const missed = value.filter(({ at }) => at < upTo);
      yield missed;
      if (missed.length < value.length) return;
    }
  }

  async #ownerOf(conversationId: string): Promise<string | undefined> {
    const { following, history } = this.#deps;
    const { index } = following.of(conversationId);
    // It may have been created or deleted a moment ago, at another gateway: a reloaded page must not get NOT_FOUND.
    if (index.ownerOf(conversationId) === undefined) await following.caughtUp();
    if (this.isDeleted(conversationId)) return undefined;
    const fold = following.of(conversationId);
    const known = fold.index.ownerOf(conversationId);
    if (known !== undefined || fold.index.completeFrom === 0) return known;
    const ask = async () => (await history.getConversation(conversationId))?.clientId;
    const ofPast = ({ clientId, isDeleted }: ConversationPast) => (isDeleted ? undefined : clientId || undefined);
    return this.#ofPast(conversationId, fold.index.completeFrom, ask, ofPast, ask);
  }

  async #answerable(messageId: string) {
    const { following, history, progress } = this.#deps;
    const pending = following.pendingMessage(messageId);
    if (pending !== undefined) return { ...pending, isFinal: false };
    await following.caughtUp();
    const late = following.pendingMessage(messageId);
    if (late !== undefined) return { ...late, isFinal: false };
    const upTo = new Map(following.partitions.map((fold, partition) => [partition, fold.next] as const));
    const whole = await progress.whole(upTo, historyWaitMs, () => history.getMessage(messageId));
    if (whole === null) throw new Refused('HISTORY_BEHIND');
    return whole.answer && { ...whole.answer, isFinal: true };
  }

  async #timeOf(conversationId: string, offset: number): Promise<number> {
    const { following, journal } = this.#deps;
    const fold = following.of(conversationId);
    const kept = fold.state.pending.get(offset)?.receivedAtMs;
    if (kept !== undefined) return kept;
    const partition = following.partitionOf(conversationId);
    const [record] = await journal.log.read(journal.topics.conversations, partition, offset, 1);
    if (record === undefined) throw new Error(`the log has no record at ${offset} of partition ${partition}`);
    return record.timeMs;
  }

  /** `known`: what history may return permanently, however far it is. */
  async #ofPast<T>(
    conversationId: string,
    upTo: number,
    ask: () => Promise<T>,
    ofPast: (past: ConversationPast) => T,
    known?: () => Promise<T>,
  ): Promise<T> {
    const { following, progress, refolds } = this.#deps;
    try {
      const early = await known?.();
      if (early !== undefined) return early;
      const partition = following.partitionOf(conversationId);
      const whole = await progress.whole(new Map([[partition, upTo]]), refolds.historyWaitMs(partition), ask);
      if (whole !== null) return whole.answer;
    } catch (error) {
      if (!(error instanceof ReadModelUnavailable)) throw error;
    }
    return ofPast(await this.#refold(conversationId, upTo));
  }

  #refold(conversationId: string, upTo: number): Promise<ConversationPast> {
    const { following, refolds } = this.#deps;
    const { recent } = following.of(conversationId);
    // Up to where it is needed next.
    return refolds.past(following.partitionOf(conversationId), conversationId, Math.max(upTo, recent.completeFrom));
  }
}

function recordOf(conversationId: string, missed: Missed): MissedRecord {
  if ('message' in missed) return { type: 'message', ...missed };
  const { at: offset, title } = missed;
  return { type: 'record', record: { offset, event: { type: 'ConversationRenamed', conversationId, title } } };
}

function placeOf(message: HistoryMessage | null): SaidAt | undefined {
  return message === null ? undefined : { sequence: message.sequence, timeMs: message.createTimeMs };
}
