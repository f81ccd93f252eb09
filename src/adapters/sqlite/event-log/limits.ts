/** The numbers of the embedded log, each with its unit last in its name and its reason beside it. */

const kibibyte = 1_024;
const mebibyte = 1_024 * kibibyte;

/**
 * SQLite page. With 11 partitions a commit writes 11 pages at least, so larger pages cost more than they save
 * (measured: 8 KiB −10 %, 16 KiB −28 %).
 */
export const pageBytes = 4 * kibibyte;

/**
 * The WAL is copied into the database at this many pages: 4,000 would halve how often, and triple how long an append
 * may wait (3 ms → 9 ms).
 */
export const checkpointPages = 1_000;

/** The WAL file is cut back to this when a reader has kept it from being reused for a while. */
export const maxIdleWalBytes = 16 * mebibyte;

/** Batches in flight to the writer: one being synced, one queued, so that it never idles and further records are batched. */
export const maxBatchesInFlight = 2;

/** A batch goes to the writer in one buffer; more than this starts the next batch. */
export const maxBatchBytes = 8 * mebibyte;

/** Bytes that wait for the writer; beyond, appends are refused rather than heaped up. */
export const maxQueuedBytes = 64 * mebibyte;

/** One record; frames of clients are far smaller. */
export const maxRecordBytes = 16 * mebibyte;

/** Maximum size of a reusable batch buffer, so that one large record does not keep its memory. */
export const maxPooledBufferBytes = 256 * kibibyte;

/**
 * Records that each partition keeps in memory for a tail that lags: more than it gets of a thousand concurrent messages; one that lags further reads the
 * file. Each takes over 1 KB, with its decoded event.
 */
export const maxRecentRecords = 128;

/** Bytes of values that each partition keeps in memory for a tail that lags, whatever the records' size. */
export const maxRecentBytes = 1 * mebibyte;

/** Records that a tail yields at once. */
export const maxTailRecords = 512;

/** What a tail reads from the file at once: about a millisecond's work, after which the event loop has its turn. */
export const readAheadBytes = 256 * kibibyte;

/** While nothing is written, the writer looks this often whether the log's files still stand at their paths. */
export const idleFileCheckMs = 1_000;

/** Consumer positions go with the next batch, or alone after this long: a lost one costs only refolding. */
export const positionFlushMs = 250;

/** Erasures per writer call, so that appends run between calls. */
export const maxPieceErasures = 256;

/** The writer commits what it has erased after this long: an append waits so long for it at most, and a synced write. */
export const erasePieceMs = 5;

/** The WAL cannot be emptied while a reader is in the midst of it; the writer looks again after this long. */
export const emptyWalRetryMs = 20;

/** A reader in the WAL for longer is not one of ours, whose reads take milliseconds: the erasure fails, and is retried. */
export const emptyWalTimeoutMs = 5_000;

/** A reader of another process that has no wake signal looks for new records this often. */
export const pollMs = 100;

/** A reader waits this long for SQLite while another connection recovers the WAL. */
export const sqliteBusyMs = 5_000;

/**
 * Newest records of each partition that are checked before a server serves; the others beside it, which takes three seconds for each million on a core
 * that is free. So a log of up to so many in each partition is checked as a whole first.
 */
export const checkedFirstRecords = 20_000;
