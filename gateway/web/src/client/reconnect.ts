import type { Refusal } from './app.ts';

/** Short at first, since most losses are a restart. */
const initialDelayMs = 200;
/** A server that is back is found this soon, and a thousand pages that wait for it do not keep it from starting. */
const maxDelayMs = 5_000;

/** A server may believe for its stale time (45 s) that a lost session is open; longer means that somebody else has it. */
export const lostSessionPatienceMs = 60_000;
/** A page that was reloaded comes back before the server has noticed that it went. */
export const reloadPatienceMs = 5_000;

/**
 * What to do about a lost stream: connect `again`, stand in `line` once more, `rest` until there is something to say, leave it to the place
 * that `took` it, look at the `sign-in`, or tell that it was `refused`.
 */
export type AfterLoss = 'again' | 'line' | 'rest' | 'took' | 'sign-in' | 'refused';

/** What decides it, besides the refusal. */
export interface LossContext {
  /** The server may hold a session that this page lost. */
  readonly mayHoldSession: boolean;
  /** Since the last session, or since the first attempt. */
  readonly withoutSessionMs: number;
  /** There is something to send. */
  readonly hasUnsent: boolean;
}

/** Reasons that the same hello would meet again. */
const hopeless: ReadonlySet<string> = new Set([
  'DISCONNECTED',
  'TIME_ZONE_REFUSED',
  'CLIENT_ID_INVALID',
  'HELLO_EXPECTED',
  'FRAME_INVALID',
  'NOT_IMPLEMENTED',
  'NOT_YOURS',
  'OPERATOR_REQUIRED',
]);

/** Decides what follows when a stream ended with `refusal`; undefined: it ended in order. */
export function afterLoss(refusal: Refusal | undefined, context: LossContext): AfterLoss {
  switch (refusal?.reason) {
    case undefined:
      return 'again';
    case 'FIRST_MESSAGE_TIMEOUT':
      return context.hasUnsent ? 'again' : 'rest';
    case 'SESSION_TAKEN_OVER':
      return 'took';
    case 'ALREADY_CONNECTED': {
      const patienceMs = context.mayHoldSession ? lostSessionPatienceMs : reloadPatienceMs;
      return context.withoutSessionMs < patienceMs ? 'again' : 'refused';
    }
    case 'TOO_MANY_CLIENTS':
      return 'line';
    case 'UNAUTHENTICATED':
    case 'REFRESH_TOKEN_INVALID':
      return 'sign-in';
    default:
      return hopeless.has(refusal?.reason ?? '') ? 'refused' : 'again';
  }
}

/**
 * Milliseconds to wait before the next attempt: exponential, the upper half of it random so that many pages do not come back at the same
 * moment, and never less than the server asked for.
 * @param failures attempts failed since the last session, from 1
 * @param random in [0, 1)
 */
export function reconnectDelayMs(failures: number, retryDelayMs: number | undefined, random: number): number {
  const ceilingMs = Math.min(maxDelayMs, initialDelayMs * 2 ** Math.min(failures - 1, 30));
  const jitteredMs = ceilingMs / 2 + (ceilingMs / 2) * random;
  // The jitter also goes on top of the server's delay, which it told everybody alike.
  return retryDelayMs === undefined ? jitteredMs : Math.max(jitteredMs, retryDelayMs + (retryDelayMs / 4) * random);
}
