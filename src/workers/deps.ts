import type { PartitionFollower } from '../app/following/partition-follower.ts';
import type { FollowedRecord } from '../app/following/recent-records.ts';
import type { Journal } from '../app/journal.ts';
import type { SpendingBook } from '../app/spending/spending-book.ts';
import type { AttemptUsage } from '../domain/conversation/events.ts';
import type { PendingMessage } from '../domain/conversation/pending-messages.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import type { LiveBus } from '../ports/live-bus.ts';
import type { MediaStore } from '../ports/media-store.ts';
import type { PartitionGroups } from '../ports/partition-groups.ts';
import type { Provider, Utterance } from '../ports/provider.ts';
import type { Logger } from '../ports/telemetry.ts';
import type { Tracer } from '../ports/tracing.ts';

export interface WorkerSettings {
  /** Messages in processing at once in each partition. */
  readonly maxProcessingPerPartition: number;
  /** Messages of one conversation in processing at once; 0: no limit. */
  readonly maxProcessingPerConversation: number;
  /** From the call to the first piece, per attempt. */
  readonly firstPieceTimeoutMs: number;
  /** Between two pieces. */
  readonly pieceTimeoutMs: number;
  /** Of each voice or picture, and of listening to what was sent. */
  readonly mediaTimeoutMs: number;
  /** Of a whole attempt. */
  readonly totalTimeoutMs: number;
  /** An object that no message names is kept for at least this long after it was stored. */
  readonly unnamedMediaLifetimeMs: number;
  /** Calls to the provider for one message by one worker. */
  readonly maxAttempts: number;
  /** From the first failed call on: the last one begins then, if there may be so many. */
  readonly retryMs: number;
}

/** `repeat`: it was received before. `deleted`: its conversation was, so it is not to be answered. `none`: it is new. */
export type MessagePast = 'none' | 'repeat' | 'deleted';

/** What the fold of one partition cannot know by itself. Both may reject; the caller tries again. */
export interface Lookups {
  /** What is known of the message from before this offset. Waits until that is certain. */
  past(
    partition: number,
    message: Pick<PendingMessage, 'messageId' | 'conversationId'>,
    offset: number,
  ): Promise<MessagePast>;
  /**
   * The conversation before the message, oldest first. `foldedTo` is the next offset of the worker's fold: the replies it has seen are before it, even
   * if they came after the message. `remembered`: the whole conversation, if the fold has it.
   */
  loadHistory(
    partition: number,
    message: PendingMessage,
    foldedTo: number,
    remembered: readonly FollowedRecord[] | undefined,
  ): Promise<readonly Utterance[]>;
}

export interface WorkerMetrics {
  /** A record of another release, or a damaged one, was passed over. */
  recordSkipped(kind: 'unknown' | 'undecodable'): void;
  /** A call to the model is over, however it ended. `firstPieceMs`: from the call to the first piece, if one came. */
  called(elapsedMs: number, firstPieceMs: number | undefined): void;
  /** What an attempt used. */
  used(usage: AttemptUsage): void;
  /** An attempt ended without a reply. */
  attemptFailed(why: 'timeout' | 'error'): void;
  /** A message has its final event in the log: `completed`, `stopped` or the reason of its failure. */
  finished(how: string, elapsedMs: number): void;
}

export interface WorkerDeps {
  readonly journal: Journal;
  readonly provider: Provider;
  /** What calls cost that begin now, and what is reserved for messages. */
  readonly spending: Pick<
    SpendingBook,
    'pricesOf' | 'spendOf' | 'covers' | 'renew' | 'reservationOf' | 'reservationsIn' | 'settle'
  >;
  /** Where the media of messages are read, and those of replies put. */
  readonly media: Pick<MediaStore, 'put' | 'read'>;
  readonly bus: LiveBus;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly lookups: Lookups;
  readonly logger: Logger;
  readonly metrics: WorkerMetrics;
  /** undefined: nothing is traced. */
  readonly tracer?: Tracer | undefined;
  /** 0 ≤ x < 1, for the spread of waits. */
  readonly random: () => number;
  /** This process. */
  readonly workerId: string;
  /** Which partitions this worker has. */
  readonly groups: PartitionGroups;
  /** The consumer group whose positions are committed, `<prefix>.workers`; its members are those of `<prefix>.workers.members`, and how far they had read `<prefix>.workers.read`. */
  readonly group: string;
  /** Who follows the partition: the process for all it does, or the worker alone, whenever it is given it. */
  readonly follower: (partition: number) => PartitionFollower;
  /** Before a message is given up as POISON. Default: `releasesDueMs`. */
  readonly releasesDueMs?: number;
  readonly settings: WorkerSettings;
}
