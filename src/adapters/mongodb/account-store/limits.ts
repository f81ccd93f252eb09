import assert from 'node:assert';

/** A call of the driver that has no answer by then is given up: whoever waits for it must be told within 5 s. */
export const answerTimeoutMs = 4_500;

/** How long a call looks for a server that takes it. An election takes longer; who calls then is told, and tries again. */
export const serverSelectionTimeoutMs = 2_000;

/** Of a new connection: a frozen server accepts it and says nothing. */
export const connectTimeoutMs = 2_000;

/** A connection on which nothing came for so long after a question is closed, so that a frozen server does not keep the pool. */
export const socketTimeoutMs = 6_000;

/**
 * A driver without an answer for so long is replaced by a new one: it was seen not to notice for minutes that its server was back. More than
 * an election, less than what anybody waits for after an outage.
 */
export const renewAfterMs = 5_000;

/** Connections at most: people sign in one after the other, and hashing a password takes longer than storing it. */
export const maxPoolSize = 5;

/** Sign-ins to one account that were faster than this one, before it gives up for now. More than anybody's devices do at once. */
export const maxAttempts = 100;

assert(serverSelectionTimeoutMs < answerTimeoutMs && connectTimeoutMs < answerTimeoutMs);
assert(answerTimeoutMs < socketTimeoutMs, 'a call is given up before its connection is');
