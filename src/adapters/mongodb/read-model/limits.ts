import assert from 'node:assert';
import { answerTimeoutMs } from '../limits.ts';

/** Connections at most: a projector asks for some partitions at once, a gateway for some clients; more would wait in the server. */
export const maxPoolSize = 20;

/** Writes in one call: so few that a busy server answers in time. One that is slow loses nothing, as one that is gone answers to none. */
export const maxWritesPerCall = 250;

/**
 * How long the documents of a former generation stay for reads that began before the switch. A read may take two calls, the first of which reads the
 * generation.
 */
export const retiredForMs = 15_000;

/** How long a rebuild waits, once writers are held, for what they had begun: a batch takes some milliseconds. */
export const holdSettleMs = 300;

/** How long a writer lets itself be held: who rebuilds has some hundred records to fold meanwhile, or has died. */
export const longestHoldMs = 5_000;

/** Changes of one model's generation that another process was faster with, before this one gives up for now. */
export const maxChangeAttempts = 50;

assert(retiredForMs > 2 * answerTimeoutMs, 'no read outlives what it reads');

/** More than a model is ever rebuilt: by its generation's number it is known which release a table belongs to. */
export const generationsPerRelease = 1_000_000;

/** Of how many releases a model is kept, the newest: its own, and the one that an upgrade comes from or goes back to. */
export const keptReleases = 2;
