/** How often calls under way are held against their time limits: one timer for all of them, and a limit is at most this late. */
export const watchdogTickMs = 50;

/** At most so often a partition's position is committed; a crash refolds what came in this time. */
export const commitIntervalMs = 200;

/** The wait before the log is tried again after it failed; it doubles up to the next. Short: a group commit is missing, not a server. */
export const logRetryInitialDelayMs = 50;

/** Up to this, so that a log that is back is noticed within two seconds and one that is not costs next to nothing. */
export const logRetryMaxDelayMs = 2_000;

/** What a reply has said is in the log after this long, or the worker's loss costs it: a record a second and reply is little beside its pieces. */
export const draftIntervalMs = 1_000;

/** Those of all replies that fall due within so long are written together: a commit costs more than a record. */
export const draftBatchMs = 250;

/** Or sooner, when there is so much of it. */
export const draftStretchBytes = 2_048;

/** The wait before a reply's media are stored again after the media store failed; it doubles up to the next. */
export const mediaRetryInitialDelayMs = 100;

/** Upper bound, so that the voice of a reply comes within two seconds of the store's return. */
export const mediaRetryMaxDelayMs = 2_000;

/**
 * Attempts for a message that fail after some text. A restarted model server fails before: one that breaks off repeatedly would charge for its text each
 * time.
 */
export const maxBrokenAttempts = 3;

/** Messages of a conversation that a model is given at most; its own token budget cuts further. */
export const maxContextMessages = 200;

/** Media of one reply: a voice and a picture are what a video is answered with. A provider that makes more is out of its mind. */
export const maxReplyMedia = 2;

/**
 * From the loss of a partition's claim to the next try, while the group still assigns it to this worker. Longer than a former owner takes to learn of a
 * move; short beside the 15 s in which orphaned messages must be taken over.
 */
export const reclaimMs = 3_000;

/** Maximum wait of a drain for the append of its releases, within the shutdown's reserve. */
export const releaseWaitMs = 1_000;

/**
 * A worker that finds a message which has lost too many workers waits so long before it gives the message up: those that gave the partition up in order
 * may still be about to say so. An append that times out and the next try fit.
 */
export const releasesDueMs = 8_000;

/** What was seen to be reserved for so long, for a message that is not in the log, is released: six times the age at which a grant stands for none. */
export const orphanedAfterMs = 180_000;

/** How often such are looked for: a look in memory, where there is none. */
export const orphansLookedForMs = 30_000;
