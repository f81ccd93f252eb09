/**
 * Hashes computed at once: each holds one of the four threads that Node also reads files with, 32 MiB and a core for 0.1 to 0.4 s.
 */
export const maxHashesAtOnce = 2;

/** Hashes waiting for their turn: the last of them waits some seconds, which is as long as anybody waits to sign in. */
export const maxWaitingHashes = 32;

/** When it may be tried again after too many waited: a handful of hashes are done by then. */
export const busyRetryDelayMs = 1_000;
