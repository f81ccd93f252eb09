import type { TraceContext } from './tracing.ts';

/**
 * What a log is marked with by whoever opens it for writing, in whatever engine; one that is marked with a higher number is refused. Raised with a
 * release whose records an earlier one would take for something else. 1: until 0.2, which on Kafka left no mark. 2: times that step back (`clock_rule`),
 * drafts (`ReplyProgress`), claims that are given up.
 */
export const logFormat = 2;

/**
 * The log: topics of partitions of records, each record at one offset for ever.
 *
 * Order: records of one partition are read in offset order, without gap, starting at 0. Records of one `append` call
 * stand in the order given; calls made one after another on the same handle are stored in that order, partition by
 * partition.
 * Durability: `append` answers only when all its records would survive the death of the process and (embedded
 * profile) a power cut. Appends made concurrently share one synced write; nothing waits on a timer.
 * A call is all or nothing in each partition (embedded profile: altogether). When it rejects, the outcome may be unknown (`LogUnavailable.outcome`): callers repeat it, and folds
 * ignore repeats.
 * Delivery: `tail` yields every record from the given offset once and in order, then waits for new ones.
 * Time: a record's time is that of the log's clock when it took the record: the writer's machine, or the broker that leads the partition. It may step, forwards and
 * back, when that clock is set or another one takes over, so nothing may be ordered or looked for by it, and only differences of neighbours say how much time went by.
 */
export interface EventLog extends AsyncDisposable {
  /** How many partitions a topic has; 0: the log lacks it, as that of an earlier release may. */
  partitions(topic: string): number;

  /** Appends all records durably. Rejects with LogUnavailable. */
  append(records: readonly NewRecord[]): Promise<readonly Appended[]>;

  /** Up to `maxRecords` records from `fromOffset` on; empty at the end. Rejects with LogDamaged or LogUnavailable. */
  read(topic: string, partition: number, fromOffset: number, maxRecords: number): Promise<readonly LogRecord[]>;

  /**
   * Every record from `fromOffset` on, in batches as they are there, until the signal aborts (then it ends, without error).
   * The consumer's own pace is the back-pressure. Throws LogDamaged at a damaged record, and LogTruncated when the offset it has come to lies beyond
   * the end, at its beginning or later: it would wait in silence and then leave records out.
   */
  tail(topic: string, partition: number, fromOffset: number, signal: AbortSignal): AsyncIterable<readonly LogRecord[]>;

  /**
   * Takes the words out of records: each keeps offset, time, key and headers, and gets this value, which must be the beginning of the one it
   * has that ends where its words begin (`NewRecord.contentOffset`). The words of a key go together: other records of the same key in the
   * partition may lose theirs with it, and nothing else. From then on no reader is given the words (one that reads in another
   * process at that moment may be, until it has met the erasure), and they can be had from the log's storage no more. Erasing again changes nothing. All or nothing is not promised: whoever is interrupted erases again. Rejects with
   * LogUnavailable or LogDamaged; RangeError for an offset that holds no record, or a value that is no beginning.
   */
  erase(topic: string, partition: number, erasures: readonly Erasure[]): Promise<void>;

  /** The offset that the next record of the partition will get. */
  endOffset(topic: string, partition: number): Promise<number>;

  /** The committed position of a consumer group: the offset of the next record it needs; 0 when it never committed. */
  committed(group: string, topic: string, partition: number): Promise<number>;

  /** Commits a position. It may be lost in a crash (never moved forward by one): what is refolded is more, not less. */
  commit(group: string, topic: string, partition: number, offset: number): Promise<void>;
}

/** A record to append. */
export interface NewRecord {
  readonly topic: string;
  readonly partition: number;
  /** Ordering and ownership key, e.g. the conversation id. */
  readonly key: string;
  /** CloudEvents attributes in binary mode: `ce_type`, `ce_id`, `ce_source`, `ce_specversion`, … */
  readonly headers: Readonly<Record<string, string>>;
  readonly value: Uint8Array;
  /** Where in the value the words begin that may have to be erased one day, in bytes; absent: there are none. Not given to readers. */
  readonly contentOffset?: number;
  /**
   * What the value says, as its writer knows it. It is not stored; a tail of the same process may give it back with the record, which then need not
   * be decoded.
   */
  readonly says?: unknown;
  /** The step that led to it. It is not stored: whoever traces appends puts the append's own into the headers. */
  readonly trace?: TraceContext;
}

/** What is to remain of a record. */
export interface Erasure {
  readonly offset: number;
  readonly value: Uint8Array;
}

/** Where an appended record stands. */
export interface Appended {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** The log's own time, milliseconds since the epoch. */
  readonly timeMs: number;
}

/** A record as the log holds it. */
export interface LogRecord extends Omit<NewRecord, 'contentOffset' | 'trace'>, Appended {}

/** The log cannot take or give records now; trying again later may work. */
export class LogUnavailable extends Error {
  override readonly name = 'LogUnavailable';
  readonly retryable = true;
  /** `not-written`: certainly not in the log. `unknown`: it may be. */
  readonly outcome: 'not-written' | 'unknown';

  constructor(message: string, outcome: 'not-written' | 'unknown', options?: ErrorOptions) {
    super(message, options);
    this.outcome = outcome;
  }
}

/**
 * The partition ends before the offset that its reader has come to: an older copy of the log was restored, or what was not on disk was lost
 * with the power. What the reader knows is of another log: it begins again from what this one holds.
 */
export class LogTruncated extends Error {
  override readonly name = 'LogTruncated';
  readonly retryable = false;
  readonly topic: string;
  readonly partition: number;
  /** Where the reader was. */
  readonly offset: number;
  readonly endOffset: number;

  constructor(topic: string, partition: number, offset: number, endOffset: number) {
    super(`${topic}/${partition} ends at offset ${endOffset}, before ${offset}, to which it was read`);
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
    this.endOffset = endOffset;
  }
}

/** A record is damaged or missing. It is never served; `parley salvage` is the next step. */
export class LogDamaged extends Error {
  override readonly name = 'LogDamaged';
  readonly retryable = false;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;

  constructor(topic: string, partition: number, offset: number, what: string) {
    super(`${topic}/${partition} offset ${offset}: ${what}`);
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
  }
}
