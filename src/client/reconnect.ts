import { Code } from '@connectrpc/connect';
import type { Refusal } from './refusal.ts';

/** How the waits between attempts grow. */
export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
}

/**
 * Short at first, since most losses are a restart; at most so long that a server that is back is found soon, and that a thousand clients that wait for
 * it do not keep it from starting.
 */
export const DEFAULT_BACKOFF: BackoffOptions = { initialMs: 100, maxMs: 5_000 };

/**
 * A server may believe for its stale time (45 s) that a lost session is open; longer means that somebody else has it.
 */
export const ALREADY_CONNECTED_WAIT_MS = 60_000;

/**
 * A page that is reloaded before it has the token of its session comes back before the server has noticed that it went, which takes no longer than a
 * round trip. Who has a session on another device waits as long before he is asked about it.
 */
export const RELOAD_WAIT_MS = 2_000;

/** What to do about a lost stream. `park`: wait until there is something to say. */
export type AfterLoss = 'again' | 'park' | 'end';

/** What decides it, besides the refusal. */
export interface LossContext {
  /** There has been a session. Before that a refusal is the answer to the user, not something to sit out. */
  readonly hadSession: boolean;
  /**
   * The server may hold a session that this client lost: it has its token, or a stream broke before Welcome. A token of a former process is none to whoever
   * is signed in: if the server does not take it, the session is another one, which a person can end.
   */
  readonly mayHoldSession: boolean;
  /** Since the last session, or since the first attempt. */
  readonly withoutSessionMs: number;
  /** Messages without an answer. */
  readonly hasPending: boolean;
  /** The stream that ended had a session, under a token that can be traded for a newer one. */
  readonly mayRenewToken: boolean;
  /** Whatever may pass is sat out, from the first attempt on. */
  readonly isPersistent: boolean;
}

const HOPELESS_CODES: ReadonlySet<Code> = new Set([
  Code.InvalidArgument,
  Code.Unauthenticated,
  Code.PermissionDenied,
  Code.Unimplemented,
]);

/** Codes of failures, not of decisions. */
const FAILURE_CODES: ReadonlySet<Code> = new Set([
  Code.Internal,
  Code.Unknown,
  Code.ResourceExhausted,
  Code.DeadlineExceeded,
]);

/** Decides whether a client connects again after its stream ended with `refusal`; `undefined`: it ended in order. */
export function afterLoss(refusal: Refusal | undefined, context: LossContext): AfterLoss {
  if (refusal === undefined) return 'again';
  switch (refusal.reason) {
    case '':
      return HOPELESS_CODES.has(refusal.code) ? 'end' : 'again';
    case 'FIRST_MESSAGE_TIMEOUT':
      return context.hasPending ? 'again' : 'park';
    case 'ALREADY_CONNECTED':
      return context.withoutSessionMs < waitTimeoutMs(context) ? 'again' : 'end';
    case 'TOO_MANY_CLIENTS':
    case 'TOO_MANY_SESSIONS':
      return context.hadSession || context.isPersistent ? 'again' : 'end';
    case 'STALE':
    case 'SESSION_NOT_FOUND':
      return 'again';
    case 'UNAUTHENTICATED':
      // It expired before the newer one was sent, as when a machine slept.
      return context.mayRenewToken ? 'again' : 'end';
    default:
      if (refusal.retryDelayMs !== undefined || refusal.code === Code.Unavailable) return 'again';
      return context.isPersistent && FAILURE_CODES.has(refusal.code) ? 'again' : 'end';
  }
}

/** How long another session of this client may be one that was lost. */
function waitTimeoutMs({ mayHoldSession, isPersistent }: LossContext): number {
  if (mayHoldSession) return ALREADY_CONNECTED_WAIT_MS;
  return isPersistent ? RELOAD_WAIT_MS : 0;
}

/**
 * Milliseconds to wait before attempt `failures + 1`: exponential, the upper half of it random so that many clients do
 * not come back at the same moment, and never less than the server asked for.
 * @param failures attempts failed since the last session, from 1
 * @param random in [0, 1)
 */
export function reconnectDelayMs(
  failures: number,
  retryDelayMs: number | undefined,
  random: number,
  { initialMs, maxMs }: BackoffOptions = DEFAULT_BACKOFF,
): number {
  const ceilingMs = Math.min(maxMs, initialMs * 2 ** Math.min(failures - 1, 30));
  const jitteredMs = ceilingMs / 2 + (ceilingMs / 2) * random;
  // The jitter also goes on top of the server's delay, which it told everybody alike.
  return retryDelayMs === undefined ? jitteredMs : Math.max(jitteredMs, retryDelayMs + (retryDelayMs / 4) * random);
}
