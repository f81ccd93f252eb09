/**
 * The protocol's own numbers: those that are not settings, because other parts are built on them. Each has its unit last in its name and
 * its reason beside it; `assertLimits` states how they must relate, and is called once at start.
 */

const kibibyte = 1_024;
const mebibyte = 1_024 * kibibyte;

/** A gateway tells the log this often that it lives: one event for all its sessions, so the cost does not grow with them. */
export const gatewayBeatMs = 3_000;

/** A gateway without a heartbeat for this long of the fold's time is dead: five intervals, so that a few slow appends expire nothing. */
export const gatewayLeaseMs = 15_000;

/** A gateway whose last acknowledged beat is older suspends its sessions: one beat before the others count it out. */
export const suspendAfterMs = 12_000;

/**
 * A gateway that starts under an id whose lease has not run out waits this long for an answer of the process that may hold it. That process beats in
 * this time also when it is of a release that does not answer: one beat, and half a second for the log.
 */
export const twinAnswerMs = 3_500;

/** A longer gap between records counts as this: while nobody could write, nobody's lease runs. Two beats, so that a living log is never clipped. */
export const maxFoldGapMs = 6_000;

/** How often a gateway looks for sessions that are stale, silent or tired of waiting: each is closed at most this late. */
export const sweepMs = 500;

/** Frames written but not yet taken by the transport, per session; a client that reads at all stays far below. */
export const maxUnsentBytes = 1 * mebibyte;

/** A session whose oldest unsent frame waits longer is cut: it has a resume token, and the memory is others'. */
export const slowConsumerMs = 10_000;

/** The text of one piece of a reply; longer ones are split, so that no piece holds up another session's for long. */
export const maxPieceBytes = 64 * kibibyte;

/** Any frame in either direction, which is gRPC's own default: clients need no setting. */
export const maxFrameBytes = 4 * mebibyte;

/**
 * What one session's client has sent and is neither in the log nor refused, in bytes. A stream that has more is not read until it has less;
 * a unary call that would bring more is refused. The largest frame always fits.
 */
export const maxUntakenBytes = maxFrameBytes;

/** A whole reply. It is one frame when history shows it, and must fit beside others into what a session may leave unread. */
export const maxReplyBytes = 512 * kibibyte;

/** The longest message text that may be configured: a history page of such messages is cut by bytes, a single one never is. */
export const maxConfigurableTextBytes = 1 * mebibyte;

/** The most inline bytes that may be configured: a frame with them and a message's text still fits. */
export const maxConfigurableInlineBytes = 2 * mebibyte;

/** Media of a reply are sent in the stream up to this sum; a client that reads at all takes it before it counts as slow. */
export const maxInlineReplyBytes = 512 * kibibyte;

/** Parts of a message: a text and a handful of media are usual. */
export const maxParts = 16;

/** Of a person's own instructions: about a page of text. They are in every message's record, and take of what a model can read. */
export const maxInstructionsBytes = 4 * kibibyte;

/** Of the name of a file in a message: the longest that common file systems have. */
export const maxFileNameBytes = 255;

/** How long a read waits for the projection to reach `at_least_sequence`; a healthy one is behind by milliseconds. */
export const historyWaitMs = 5_000;

/** Items of a page when the request names no size. */
export const defaultPageSize = 50;

/** Items of a page at most; a larger wish is cut to this, as AIP-158 says. */
export const maxPageSize = 200;

/** Bytes of a page at most: it stays well inside a frame, whatever its items hold. */
export const maxPageBytes = 2 * mebibyte;

/** Characters of any id that a client chooses or presents. UUIDs, hashes and e-mail addresses fit. */
export const maxIdLength = 128;

/** A message that has lost this many workers is given up as POISON: it may be what kills them. One that gives its partition up is not lost. */
export const maxLostWorkers = 3;

/** The wait before the second attempt at a provider; it doubles with each further one. */
export const retryInitialDelayMs = 250;

/** The longest wait between two attempts, and the longest Retry-After that is obeyed: a client is waiting. */
export const retryMaxDelayMs = 10_000;

/** From SIGTERM to exit; orchestrators commonly kill after 10 s or more. */
export const shutdownMs = 10_000;

/** Kept of the shutdown for what follows the drain: last appends, checkpoints, closing files. */
export const shutdownReserveMs = 1_500;

/** Each relation that other code relies on, as a sentence and whether it holds. */
const relations: readonly (readonly [string, boolean])[] = [
  ['two beats fit before a gateway suspends itself', 2 * gatewayBeatMs < suspendAfterMs],
  ['a gateway suspends itself a beat before others count it out', suspendAfterMs + gatewayBeatMs <= gatewayLeaseMs],
  ['a gateway of the same id beats while it is waited for', gatewayBeatMs < twinAnswerMs],
  ['a start under the same id waits less than a lease', twinAnswerMs < gatewayLeaseMs],
  ['beats of a living log are never clipped as a gap', 2 * gatewayBeatMs <= maxFoldGapMs],
  ['one gap alone ends no lease', 2 * maxFoldGapMs < gatewayLeaseMs],
  ['a piece fits into what may be unsent', maxPieceBytes * 2 <= maxUnsentBytes],
  ['a whole reply fits into what may be unsent', maxReplyBytes * 2 <= maxUnsentBytes],
  ['inline media and a text fit into a frame', maxConfigurableInlineBytes + maxConfigurableTextBytes < maxFrameBytes],
  ['inline media of a reply fit into what may be unsent', maxInlineReplyBytes * 2 <= maxUnsentBytes],
  ['what may be unsent fits into a frame', maxUnsentBytes <= maxFrameBytes],
  ['a page with one item too many still fits into a frame', maxPageBytes + maxConfigurableTextBytes < maxFrameBytes],
  ['the largest frame fits into what may be untaken', maxFrameBytes <= maxUntakenBytes],
  ['the default page is not over the largest', defaultPageSize <= maxPageSize],
  ['the first wait between attempts is not over the longest', retryInitialDelayMs <= retryMaxDelayMs],
  ['the shutdown has room for a drain', shutdownReserveMs < shutdownMs],
];

/** Throws when a relation between limits does not hold: only a change of this file can cause that. */
export function assertLimits(): void {
  for (const [sentence, holds] of relations) {
    if (!holds) throw new Error(`limits.ts: it must hold that ${sentence}`);
  }
}
