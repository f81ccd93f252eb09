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

/** Connections at most: a projector asks for some partitions at once, a gateway for some clients; more would wait in the server. */
export const maxPoolSize = 20;

/** Writes in one call: so few that a busy server answers in time. One that is slow loses nothing, as one that is gone answers to none. */
export const maxWritesPerCall = 250;

/**
 * How long the documents of a former generation stay: a read that began before the switch still finds them. It may take two calls, the
 * first of which told it the generation.
 */
export const retiredForMs = 15_000;

/** How long a rebuild waits, once writers are held, for what they had begun: a batch takes some milliseconds. */
export const holdSettleMs = 300;

/** How long a writer lets itself be held: who rebuilds has some hundred records to fold meanwhile, or has died. */
export const longestHoldMs = 5_000;

/** Changes of one model's generation that another process was faster with, before this one gives up for now. */
export const maxChangeAttempts = 50;

assert(serverSelectionTimeoutMs < answerTimeoutMs && connectTimeoutMs < answerTimeoutMs);
assert(answerTimeoutMs < socketTimeoutMs, 'a call is given up before its connection is');
assert(retiredForMs > 2 * answerTimeoutMs, 'no read outlives what it reads');
