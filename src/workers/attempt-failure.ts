import { ProviderError, type ProviderFault } from '../ports/provider.ts';
import type { AttemptFailure } from './answer-state.ts';
import type { Attempt, AttemptEnd } from './attempt.ts';

/** The end of an attempt that has no reply. */
export type FailedEnd = Extract<AttemptEnd, { type: 'failed' | 'timed-out' }>;

/** Why the message fails with this attempt, if no other one is made. */
export function reasonOf(end: FailedEnd): AttemptFailure {
  if (end.type === 'timed-out') return 'PROVIDER_TIMEOUT';
  if (!(end.error instanceof ProviderError)) return 'PROVIDER_FAILED';
  const { fault, retryable } = end.error;
  if (fault !== undefined) return faults[fault];
  return retryable ? 'PROVIDER_FAILED' : 'PROVIDER_REFUSED';
}

const faults = {
  'access denied': 'PROVIDER_ACCESS_DENIED',
  'model not found': 'PROVIDER_MODEL_NOT_FOUND',
  'not a model server': 'PROVIDER_MODEL_NOT_FOUND',
  'quota exceeded': 'PROVIDER_BUSY',
  'rate limited': 'PROVIDER_BUSY',
} as const satisfies Record<ProviderFault, AttemptFailure>;

/** Cause for operators. Not of internal errors: their messages may contain content. */
export function causeOf(end: FailedEnd): string {
  if (end.type === 'timed-out') return `no ${end.awaited} in time`;
  return end.error instanceof ProviderError ? end.error.message : '';
}

/**
 * For the process's log. What a provider says of itself needs no stack, and there may be twenty of them for one message; an error beneath a failure that
 * is final may be a defect of this process.
 */
export function loggedCauseOf(end: FailedEnd): object {
  if (end.type === 'timed-out') return { cause: causeOf(end) };
  if (!(end.error instanceof ProviderError)) return { err: end.error };
  const { retryable, cause } = end.error;
  return { cause: causeOf(end), ...(!retryable && cause !== undefined && { err: cause }) };
}

/** Milliseconds before which another attempt is of no use; infinite when none is. A provider may refuse to go on from a beginning for good, and answer without one. */
export function notBeforeMs(error: unknown, { beginning, broughtNothing }: Attempt): number {
  const isRefusal = error instanceof ProviderError && !error.retryable && error.fault === undefined;
  return isRefusal && beginning.bytes > 0 && broughtNothing ? 0 : retryAfterMs(error);
}

/** Not before so long is another attempt of use; infinite when none is. */
function retryAfterMs(error: unknown): number {
  if (error instanceof ProviderError) return error.retryable ? (error.retryAfterMs ?? 0) : Number.POSITIVE_INFINITY;
  // The log's and the read models' errors say so too; anything else is a defect, and would fail again.
  const retryable = error instanceof Error && 'retryable' in error && error.retryable === true;
  return retryable ? 0 : Number.POSITIVE_INFINITY;
}
