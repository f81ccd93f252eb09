import type { ConversationErased } from '../../domain/conversation/events.ts';
import type { Clock } from '../../ports/clock.ts';
import type { AwaitingErasure, DeletedConversation, MediaReferences } from '../../ports/history.ts';
import type { MediaStore } from '../../ports/media-store.ts';
import type { Logger } from '../../ports/telemetry.ts';
import type { Conversations } from '../gateway/conversations.ts';
import type { Journal } from '../journal.ts';
import { type FoundWords, findWords } from './find-content.ts';

export interface EraserDeps {
  readonly journal: Journal;
  readonly history: AwaitingErasure;
  readonly references: MediaReferences;
  readonly conversations: Pick<Conversations, 'partition' | 'allWhole'>;
  readonly media: Pick<MediaStore, 'delete'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** From a conversation's deletion to its erasure: appends in flight at the deletion are in the log by then. */
  readonly delayMs: number;
  /** Between two looks for conversations to erase. */
  readonly intervalMs: number;
  /**
   * Between two looks for who names a medium: the longest that a message which names it can be on its way into the log. It was found in order
   * while the medium was there, and an append whose outcome is in doubt may be made again until then.
   */
  readonly namedWithinMs: number;
}

/** Conversations erased in one round: a crowd of deletions comes in several, and each scan of a partition serves many. */
const maxConversationsPerRound = 200;

/** Records erased by one call, each of which ends with an emptied WAL: few enough that handing them over takes no time, many enough to pay for that. */
const maxErasuresPerCall = 1_000;

/** Media ids asked about at once. */
const maxIdsPerQuestion = 500;

/** The longest wait after rounds that failed: it doubles up to this, since what failed begins with a scan. */
const maxRetryMs = 60_000;

/**
 * Erases deleted conversations' content from the log and their media from the store, then appends ConversationErased. History has the list of those due.
 *
 * Media first, since the content names them; then the content; then the event. An interrupted erasure is repeated by the next round, or the next start,
 * with the same result; two erasers of one log do no harm.
 */
export class Eraser {
  readonly #deps: EraserDeps;
  readonly #stopping = new AbortController();
  /** When this process first found each conversation that awaits its erasure, monotonic. */
  #foundMs: ReadonlyMap<string, number> = new Map();
  #failures = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: EraserDeps) {
    this.#deps = deps;
  }

  /** Looks at every interval from now on. */
  start(): void {
    this.#running = this.#run();
  }

  /** Ends after the step at hand; what is left is done after the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /**
   * One look, and the erasures that are due. Answers how many conversations were erased, and how many could not be: those were logged. Rejects
   * with ReadModelUnavailable, LogUnavailable, LogDamaged or Refused HISTORY_BEHIND.
   */
  async round(): Promise<{ readonly erased: number; readonly failed: number }> {
    if ((await this.#due()).length === 0) return { erased: 0, failed: 0 };
    const { conversations } = this.#deps;
    // History may not have met yet what an earlier round, or process, has told the log.
    const due = await conversations.allWhole(() => this.#due());
    const byPartition = Map.groupBy(due, ({ conversationId }) => conversations.partition(conversationId));
    // Together: each waits for its media, and those of one partition need not wait for another's.
    const ends = await Promise.allSettled([...byPartition].map(([partition, some]) => this.#erase(partition, some)));
    let erased = 0;
    for (const end of ends) {
      if (end.status === 'rejected') throw end.reason;
      erased += end.value;
    }
    return { erased, failed: this.#signal.aborted ? 0 : due.length - erased };
  }

  get #signal(): AbortSignal {
    return this.#stopping.signal;
  }

  async #run(): Promise<void> {
    const { logger, intervalMs } = this.#deps;
    while (await this.#pause(Math.min(maxRetryMs, intervalMs * 2 ** this.#failures))) {
      try {
        const { failed } = await this.round();
        this.#failures = failed === 0 ? 0 : this.#failures + 1;
      } catch (error) {
        this.#failures += 1;
        logger.error({ err: error }, 'could not erase deleted conversations; trying again');
      }
    }
  }

  /** False when stopped meanwhile. */
  async #pause(ms: number): Promise<boolean> {
    try {
      await this.#deps.clock.sleep(ms, this.#signal);
    } catch (error) {
      if (!this.#signal.aborted) throw error;
    }
    return !this.#signal.aborted;
  }

  /** Those deleted long enough ago by their time in the log, or by this process's own clock: the log's may have been ahead, then. */
  async #due(): Promise<readonly DeletedConversation[]> {
    const { history, clock, delayMs } = this.#deps;
    const latestMs = clock.nowMs() - delayMs;
    const awaiting = await history.awaitingErasure(maxConversationsPerRound);
    const nowMs = clock.monotonicMs();
    const before = this.#foundMs;
    const found = new Map(awaiting.map(({ conversationId: id }) => [id, before.get(id) ?? nowMs] as const));
    this.#foundMs = found;
    return awaiting.filter(
      ({ conversationId, updateTimeMs }) =>
        updateTimeMs <= latestMs || nowMs - (found.get(conversationId) ?? nowMs) >= delayMs,
    );
  }

  /** Erases these conversations of one partition. Answers how many. */
  async #erase(partition: number, conversations: readonly DeletedConversation[]): Promise<number> {
    const looked = await findWords(this.#deps.journal, partition, conversations, this.#signal);
    if (looked === undefined) return 0;
    const { found, end } = looked;
    const unnamed = await this.#unnamed(new Set([...found.values()].flatMap(({ mediaIds }) => [...mediaIds])));
    let erased = 0;
    for (const conversation of conversations) {
      const { conversationId } = conversation;
      const words = found.get(conversationId);
      if (this.#signal.aborted || unnamed === undefined || words === undefined) return erased;
      try {
        assertComplete(conversation, words);
        await this.#eraseOne(partition, conversationId, words, end - 1, unnamed);
        erased += 1;
      } catch (error) {
        this.#deps.logger.error({ err: error, conversationId }, 'a deleted conversation could not be erased');
      }
    }
    return erased;
  }

  async #eraseOne(
    partition: number,
    conversationId: string,
    { erasures, mediaIds, erasedBefore, unknown }: FoundWords,
    throughSequence: number,
    unnamed: ReadonlySet<string>,
  ): Promise<void> {
    const { journal, media, logger } = this.#deps;
    const removed = [...mediaIds].filter((mediaId) => unnamed.has(mediaId));
    for (const mediaId of removed) await media.delete(mediaId);
    for (let next = 0; next < erasures.length; next += maxErasuresPerCall) {
      const call = erasures.slice(next, next + maxErasuresPerCall);
      await journal.log.erase(journal.topics.conversations, partition, call);
    }
    const event: ConversationErased = {
      type: 'ConversationErased',
      conversationId,
      records: erasures.length + erasedBefore,
      media: removed.length,
      throughSequence,
    };
    await journal.appendConversation(partition, conversationId, [event]);
    const { records } = event;
    logger.info({ conversationId, records, media: removed.length }, 'erased the texts of a deleted conversation');
    if (unknown > 0)
      logger.warn(
        { conversationId, records: unknown },
        'kept records of a deleted conversation that this release cannot decode',
      );
  }

  /**
   * Those that no message of a living conversation names, at two looks: between them a message that was found in order before the first comes
   * into the log. Undefined when stopped meanwhile.
   */
  async #unnamed(mediaIds: ReadonlySet<string>): Promise<ReadonlySet<string> | undefined> {
    const { conversations, namedWithinMs } = this.#deps;
    const suspects = await conversations.allWhole(() => this.#look(mediaIds));
    if (suspects.size === 0) return suspects;
    if (!(await this.#pause(namedWithinMs))) return undefined;
    // A history that began again meanwhile would know of no message that names them.
    return conversations.allWhole(() => this.#look(suspects));
  }

  async #look(mediaIds: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    const ids = [...mediaIds];
    const unnamed = new Set<string>();
    for (let next = 0; next < ids.length; next += maxIdsPerQuestion) {
      const asked = ids.slice(next, next + maxIdsPerQuestion);
      const counts = await this.#deps.references.references(asked);
      for (const id of asked) if ((counts.get(id) ?? 0) === 0) unnamed.add(id);
    }
    return unnamed;
  }
}

/** Throws when the log shows less of the conversation than history knows of it: to report that as erased would end the search for the rest. */
function assertComplete({ firstSequence, sentMessages }: DeletedConversation, words: FoundWords): void {
  const records = words.erasures.length + words.erasedBefore;
  if (!words.hasBeginning) throw new Error(`its first record is not at offset ${firstSequence} of the log`);
  if (records < sentMessages) throw new Error(`the log shows ${records} records of its ${sentMessages} messages`);
}
