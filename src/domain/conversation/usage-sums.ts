import type { AttemptUsage } from './events.ts';

/** How attempts end. */
export const attemptEnds = ['completed', 'failed', 'stopped', 'lost'] as const satisfies readonly AttemptUsage['end'][];

/** What they use. */
const units = [
  'inputTokens',
  'cachedInputTokens',
  'outputTokens',
  'reasoningTokens',
  'soundInMs',
  'soundOutMs',
  'picturesIn',
  'picturesOut',
] as const satisfies readonly (keyof AttemptUsage)[];

/** All that is summed up. */
export const usageFigures = [...attemptEnds, 'estimated', ...units] as const;

/** Attempts by how they ended, those of them with an estimated figure, and what all of them used. */
export type UsageSums = Readonly<Record<(typeof usageFigures)[number], number>>;

export const nothingUsed: UsageSums = sumsOf(() => 0);

/** The sums with one more attempt. */
export function withAttempt(sums: UsageSums, usage: AttemptUsage): UsageSums {
  const used = Object.fromEntries(units.map((unit) => [unit, usage[unit]]));
  return withSums(sums, { ...used, [usage.end]: 1, estimated: usage.estimated ? 1 : 0 });
}

/** The sums of both; what one of them lacks is 0. */
export function withSums(left: UsageSums, right: Partial<UsageSums>): UsageSums {
  return sumsOf((figure) => left[figure] + (right[figure] ?? 0));
}

/** Attempts, however they ended. */
export function attemptsIn(sums: UsageSums): number {
  return attemptEnds.reduce((sum, end) => sum + sums[end], 0);
}

function sumsOf(figureOf: (figure: (typeof usageFigures)[number]) => number): UsageSums {
  return Object.fromEntries(usageFigures.map((figure) => [figure, figureOf(figure)])) as UsageSums;
}
