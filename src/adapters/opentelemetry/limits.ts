/** Spans that wait to be sent; more are dropped. At 1 KB each this bounds what a collector that is away costs. */
export const maxQueuedSpans = 8_192;

/** Spans of one request: about 0.5 MB of JSON, some milliseconds of this thread. */
export const maxBatchSpans = 512;

/** The longest that a span waits for company. A trace is looked for right after the message; a request per second costs nothing. */
export const batchDelayMs = 1_000;

/** Of one batch, repeats included: a collector that is slower than that is as good as away. */
export const exportTimeoutMs = 5_000;

/** How long the last spans may take when the process ends: within what its shutdown keeps for such things. */
export const closeTimeoutMs = 1_000;

/** Log interval while the collector is unavailable. */
export const warnIntervalMs = 60_000;

/** Of one attribute. All are ids, names and reasons; a client chooses some of them. */
export const maxAttributeChars = 256;
