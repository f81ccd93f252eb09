import assert from 'node:assert';

/** Threads that Node has for all of this process, unless UV_THREADPOOL_SIZE says otherwise: files are read with them, too. */
const poolThreads = 4;

/** Hashes of people with an account computed at once: each holds a thread, 32 MiB and a core for 0.1 to 0.4 s. */
export const maxHashesAtOnce = 2;

/** Of them waiting for their turn: the last waits some seconds, which is as long as anybody waits to sign in. */
export const maxWaitingHashes = 32;

/** Hashes of sign-ups computed at once, beside those: however many sign up, people who have an account wait for none of them. */
export const maxSignUpHashesAtOnce = 1;

/** Of them waiting: as long as above for the last. */
export const maxWaitingSignUpHashes = 16;

/** When it may be tried again after too many waited: a handful of hashes are done by then. */
export const busyRetryDelayMs = 1_000;

assert(maxHashesAtOnce + maxSignUpHashesAtOnce < poolThreads, 'a thread is left for files');
