import { randomInt } from 'node:crypto';
import type { Clock } from '../../../ports/clock.ts';
import type { Provider, ProviderRequest } from '../../../ports/provider.ts';
import { answer } from './answer.ts';
import { seededRandom } from './seeded-random.ts';

export interface SimulatedProviderSettings {
  /** Wait before the first piece, evenly distributed between the two. */
  readonly textDelayMs: { readonly min: number; readonly max: number };
  /** In how many pieces a reply comes; 0: whole, as one. A reply shorter than that many characters is made longer. */
  readonly pieces: number;
  /** From one piece to the next, by schedule: a late piece does not delay those after it. */
  readonly pieceIntervalMs: number;
  /** The same integer gives the same replies and delays for the same messages; `random` chooses one at start. */
  readonly seed: number | 'random';
  readonly clock: Clock;
}

/** A reply has at least so many characters, and is composed without a pause: this is some milliseconds' work. */
const maxPieces = 10_000;

function check({ textDelayMs: { min, max }, pieces, pieceIntervalMs, seed }: SimulatedProviderSettings): void {
  if (!(min >= 0 && min <= max && max < Infinity))
    throw new RangeError(`textDelayMs: 0 ≤ min ≤ max expected, not ${min}–${max}`);
  if (!Number.isInteger(pieces) || pieces < 0 || pieces > maxPieces)
    throw new RangeError(`pieces: 0–${maxPieces} expected, not ${pieces}`);
  if (!(pieceIntervalMs >= 0 && pieceIntervalMs < Infinity))
    throw new RangeError(`pieceIntervalMs: 0 or more expected, not ${pieceIntervalMs}`);
  if (seed !== 'random' && !Number.isSafeInteger(seed)) throw new RangeError(`seed: an integer expected, not ${seed}`);
}

/** Cuts between characters, never within one, into that many pieces of nearly equal length. */
function cut(text: string, pieces: number): readonly string[] {
  if (pieces <= 1) return [text];
  const chars = Array.from(text);
  const bound = (piece: number) => Math.floor((piece * chars.length) / pieces);
  return Array.from({ length: pieces }, (_, piece) => chars.slice(bound(piece), bound(piece + 1)).join(''));
}

/** Where there is nothing to wait for, no timer is made: a load test of the rest must not measure timers. */
async function* reply(
  { textDelayMs, pieces, pieceIntervalMs, clock }: SimulatedProviderSettings,
  seed: number,
  request: ProviderRequest,
  signal: AbortSignal,
): AsyncIterable<string> {
  signal.throwIfAborted();
  const random = seededRandom(seed, request.messageId, request.text);
  const delayMs = textDelayMs.min + random() * (textDelayMs.max - textDelayMs.min);
  if (delayMs > 0) await clock.sleep(delayMs, signal);
  let dueMs = pieceIntervalMs > 0 ? clock.monotonicMs() : 0;
  for (const piece of cut(answer(request, random, pieces), pieces)) {
    const waitMs = pieceIntervalMs > 0 ? dueMs - clock.monotonicMs() : 0;
    if (waitMs > 0) await clock.sleep(waitMs, signal);
    signal.throwIfAborted();
    yield piece;
    dueMs += pieceIntervalMs;
  }
}

/**
 * A stand-in for a model, offline: what it says depends on the message, the client's local time and the seed, and on
 * nothing else, so equal calls get equal replies in any order. Throws RangeError on settings that make no sense.
 */
export function simulatedProvider(settings: SimulatedProviderSettings): Provider {
  check(settings);
  const seed = settings.seed === 'random' ? randomInt(2 ** 32) : settings.seed;
  return {
    model: 'simulated',
    usesHistory: false,
    reply: (request, signal) => reply(settings, seed, request, signal),
  };
}
