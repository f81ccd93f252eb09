import type { AttemptUsage, ModelCall } from '../domain/conversation/events.ts';
import type { PendingMessage } from '../domain/conversation/pending-messages.ts';
import type { CallPrices } from '../domain/spending/events.ts';
import { costOf } from '../domain/spending/prices.ts';
import { estimatedTokens, noUnits } from '../ports/provider.ts';
import type { Attempt, AttemptEnd } from './attempt.ts';

const ends = {
  whole: 'completed',
  stopped: 'stopped',
  failed: 'failed',
  'timed-out': 'failed',
} as const satisfies Record<Exclude<AttemptEnd['type'], 'abandoned'>, AttemptUsage['end']>;

/** What an attempt used that has just ended: as the provider said, or else estimated. undefined: it was abandoned, and its successor tells. */
export function usageOf(
  attempt: Attempt,
  { provider, model, inputTokens, prices, maxOutputTokens = Infinity }: ModelCall,
  end: AttemptEnd,
): AttemptUsage | undefined {
  if (end.type === 'abandoned') return undefined;
  const { number, used, firstPieceMs, elapsedMs, reply, beginning } = attempt;
  return withCost(prices, {
    ...noUnits,
    attempt: number,
    end: ends[end.type],
    provider,
    model,
    inputTokens,
    outputTokens: Math.min(estimatedTokens(reply.bytes - beginning.bytes), maxOutputTokens),
    ...used,
    ...(firstPieceMs !== undefined && { firstPieceMs: Math.round(firstPieceMs) }),
    durationMs: Math.round(elapsedMs),
    estimated: used.inputTokens === undefined || used.outputTokens === undefined,
  });
}

/** What the last attempt at a message used, whose worker has not told: estimated from its start and its draft. undefined: it is told, or its call is not known. */
export function lostUsageOf({
  call,
  attempt,
  toldAttempt,
  draft,
  continuedBytes,
}: PendingMessage): AttemptUsage | undefined {
  if (call === undefined || attempt <= toldAttempt) return undefined;
  const { prices, maxOutputTokens = Infinity, ...facts } = call;
  const outputTokens = Math.min(estimatedTokens(draft.bytes - continuedBytes), maxOutputTokens);
  return withCost(prices, {
    ...noUnits,
    ...facts,
    attempt,
    end: 'lost',
    outputTokens,
    durationMs: 0,
    estimated: true,
  });
}

function withCost(prices: CallPrices | undefined, usage: AttemptUsage): AttemptUsage {
  return prices === undefined ? usage : { ...usage, cost: costOf(usage, prices) };
}
