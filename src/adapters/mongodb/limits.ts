import assert from 'node:assert';

/** Timeout of a driver call: its caller must get an error within 5 s. */
export const answerTimeoutMs = 4_500;

/** Server selection timeout of a call. An election takes longer; calls fail meanwhile, and are retried. */
export const serverSelectionTimeoutMs = 2_000;

/** Of a new connection: a frozen server accepts it and says nothing. */
export const connectTimeoutMs = 2_000;

/** A connection without a response for this long is closed, so that a frozen server does not exhaust the pool. */
export const socketTimeoutMs = 6_000;

/**
 * A driver without an answer for so long is replaced by a new one: it was seen not to notice for minutes that its server was back. More than
 * an election, less than what anybody waits for after an outage.
 */
export const renewAfterMs = 5_000;

assert(serverSelectionTimeoutMs < answerTimeoutMs && connectTimeoutMs < answerTimeoutMs);
assert(answerTimeoutMs < socketTimeoutMs, 'a call is given up before its connection is');
