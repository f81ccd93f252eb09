/** The numbers of the bus on NATS, each with its unit last in its name and its reason beside it. */

const kibibyte = 1_024;
const mebibyte = 1_024 * kibibyte;

/** Timeout of a server's greeting, and of the handshake: a running one takes milliseconds, TLS across a continent some hundred. */
export const connectTimeoutMs = 2_000;

/** What opening the bus waits for its first connection, so that an ordinary start has one; live chat starts without it too. */
export const firstConnectMs = 2_000;

/** The least wait between two tries to connect: a server that restarts is back in about as long. */
export const reconnectMs = 250;

/** Random jitter of each wait, so that the processes of a deployment do not reconnect at once. */
export const reconnectJitterMs = 250;

/** Ping interval of an idle server. */
export const watchEveryMs = 2_000;

/** A server that leaves the question unanswered for longer is left: with `watchEveryMs`, a frozen one is noticed within 5 s. */
export const answerWithinMs = 3_000;

/** After each such amount the server is asked how far it has read: under load that is one question in some hundred pieces. */
export const acknowledgeEveryBytes = 64 * kibibyte;

/** What may be on its way to a server that does not read: some 20,000 pieces; beyond it pieces are lost, instead of memory. */
export const maxUnacknowledgedBytes = 8 * mebibyte;

/** How long closing waits for the server to have read what was published: the end of a reply is in the log anyway. */
export const closeFlushMs = 1_000;

/** How long answers to a request for drafts are taken: workers answer at once or never. */
export const draftsWaitMs = 2_000;

/** A pending request serves further ones of its conversation for this long: many round trips, and not noticeable. */
export const askAgainMs = 250;

/** Requests for drafts open at once: each holds a timer for `draftsWaitMs`; 50 clients that all join at once are far below. */
export const maxRequests = 10_000;

/** A fault that repeats with each piece is logged this often, with how often it was. */
export const logEveryMs = 10_000;
