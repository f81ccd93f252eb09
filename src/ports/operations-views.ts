import type { HistoryMessage, HistoryPage, HistoryPageRequest } from './history.ts';

/** Where a record stands in the log. */
export interface RecordPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** A record that could not be decoded, and was put aside with its place. */
export interface DeadLetterRecord extends RecordPlace {
  /** When the log took it. */
  readonly timeMs: number;
  readonly reason: string;
  /** The newest record of its partition that was appended in its stead; undefined: none was. */
  readonly replay?: { readonly offset: number; readonly timeMs: number } | undefined;
}

/** Something that was put aside so that its neighbours could go on. */
export type DeadLetterItem =
  | { readonly kind: 'undecodable'; readonly record: DeadLetterRecord }
  /** It cost too many workers, and was given up. */
  | { readonly kind: 'poison'; readonly message: HistoryMessage };

/** What operators look at: the queries of the read models that are not about one client. All reads reject with ReadModelUnavailable. */
export interface OperationsViews {
  processing(): Promise<{
    readonly processing: number;
    readonly queued: number;
    /** When the log took the oldest message that no worker has begun; null when there is none. */
    readonly oldestQueuedAtMs: number | null;
  }>;
  /** Records of these topics, and messages that are not deleted; newest first. */
  listParked(topics: readonly string[], page: HistoryPageRequest): Promise<HistoryPage<DeadLetterItem>>;
  /** null when none was put aside there. */
  deadLetterRecord(place: RecordPlace): Promise<DeadLetterRecord | null>;
}
