import { ALREADY_CONNECTED_PATIENCE_MS } from '../../../../src/client/reconnect.ts';
import type { Refusal } from './app.ts';

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
      const patienceMs = context.mayHoldSession ? ALREADY_CONNECTED_PATIENCE_MS : reloadPatienceMs;
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
