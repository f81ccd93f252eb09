import { type Reason, Refused } from '../../domain/errors/catalogue.ts';
import { AccountStoreUnavailable } from '../../ports/account-store.ts';
import { AuthenticationUnavailable } from '../../ports/authenticator.ts';
import { LogUnavailable } from '../../ports/event-log.ts';
import { MediaQuotaExceeded, MediaStoreFull, MediaUnavailable } from '../../ports/media-store.ts';
import { ReadModelUnavailable } from '../../ports/read-model.ts';
import type { Logger, WriteKind } from '../../ports/telemetry.ts';

/** Refusals that are counted as writes that were refused. */
export const countedAs: Readonly<Partial<Record<Reason, WriteKind>>> = {
  TOO_MANY_MESSAGES: 'message',
  HISTORY_QUOTA_EXCEEDED: 'history',
  BUDGET_EXHAUSTED: 'budget',
};

/** Reasons of the log's ConnectionClosed that are told to the client as they are. */
const endReasons: ReadonlySet<string> = new Set<Reason>([
  'SESSION_TAKEN_OVER',
  'FIRST_MESSAGE_TIMEOUT',
  'STALE',
  'DISCONNECTED',
  'DRAINING',
]);

/** Maps ConnectionClosed to the client's error. */
export function refusalOfEnd(reason: string, detail: string): Refused {
  // Another process has taken the gateway's id, and this one ends: its clients go on elsewhere, as at a drain.
  if (reason === 'GATEWAY_RESTARTED') return new Refused('DRAINING');
  if (isEndReason(reason)) return new Refused(reason, detail === '' ? undefined : detail);
  return new Refused('DISCONNECTED', detail);
}

function isEndReason(reason: string): reason is Reason {
  return endReasons.has(reason);
}

/** Maps an error to the client's refusal, or to what is unavailable; undefined for internal errors. */
export function knownRefusal(error: unknown): Refused | undefined {
  if (error instanceof Refused) return error;
  if (error instanceof LogUnavailable) return new Refused('LOG_UNAVAILABLE');
  if (error instanceof MediaQuotaExceeded) return new Refused('MEDIA_QUOTA_EXCEEDED');
  if (error instanceof MediaStoreFull) return new Refused('MEDIA_STORE_FULL');
  if (error instanceof MediaUnavailable) return new Refused('MEDIA_UNAVAILABLE');
  if (error instanceof AuthenticationUnavailable || error instanceof AccountStoreUnavailable)
    return new Refused('AUTHENTICATION_UNAVAILABLE');
  if (error instanceof ReadModelUnavailable) return new Refused('HISTORY_BEHIND', 'history cannot be read now');
  return undefined;
}

/** The refusal that a session ends with, or an answer of it. */
export function refusalOf(error: unknown, logger: Logger): Refused {
  const known = knownRefusal(error);
  if (known !== undefined) return known;
  logger.error({ err: error }, 'unexpected error in a session');
  return new Refused('INTERNAL');
}
