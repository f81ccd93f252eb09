/**
 * Recent records kept per partition, in bytes of memory: 500 short messages with their replies, and 10 MiB for ten partitions. Clients that were
 * away for longer are served from history, or the log.
 */
export const maxRecentBytes = 1_024 * 1_024;

/** Conversations of a partition of which it is remembered whose they are, at most; at least half as many: about 2 MB. */
export const maxIndexedConversations = 10_000;

/** Pending messages of a partition whose traces are remembered: far more than a queue that anyone would wait in, about 2 MB. */
export const maxPendingTraces = 8_192;

/** Message ids a partition remembers at least, in about 1 MB; half as many more at most. Older repeats are found in history. */
export const knownWindowIds = 8_192;

/**
 * Records read before the committed offset when a partition is first followed: a thousand messages with their replies, in some 10 ms, or 70 on Kafka.
 * Older conversations are looked up in history.
 */
export const usualLookBackRecords = 4_096;

/** The wait before the log is tried again after it failed; it doubles up to the next. Short: a group commit is missing, not a server. */
export const followRetryInitialDelayMs = 50;

/** Up to this, so that a log that is back is noticed within two seconds and one that is not costs next to nothing. */
export const followRetryMaxDelayMs = 2_000;

/** Maximum wait of a client until the log is read up to its request: beyond it, a retry is better than a silent stream. */
export const followedWithinMs = 5_000;

/** Who has waited too long is told so at most this much later. */
export const overdueTickMs = 500;

/**
 * Where history cannot say what a conversation holds, its partition is folded from its first record up to this many: less than a second of one core to
 * decode and fold them, and on Kafka some three more to decrypt content. Longer ones wait for history.
 */
export const maxRefoldRecords = 200_000;

/** Conversations of a partition that are kept when others are asked for. */
export const keptRefolds = 64;

/** A refolded partition is kept for this long after its last use: while history is unavailable it is continued, instead of refolded for each query. */
export const keptRefoldMs = 30_000;

/** Maximum wait for history while its partition is folded instead: more than its lag under full load, so that a history that is back is used again. */
export const missingHistoryWaitMs = 500;
