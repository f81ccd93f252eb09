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

export const nothingUsed = Object.fromEntries(usageFigures.map((figure) => [figure, 0])) as UsageSums;

/** The sums with one more attempt. */
export function withAttempt(sums: UsageSums, usage: AttemptUsage): UsageSums {
  const used = Object.fromEntries(units.map((unit) => [unit, usage[unit]]));
  return withSums(sums, { ...used, [usage.end]: 1, estimated: usage.estimated ? 1 : 0 });
}

/** The sums of both; what one of them lacks is 0. */
export function withSums(left: UsageSums, right: Partial<UsageSums>): UsageSums {
  const sums = { ...left };
  addSums(sums, right);
  return sums;
}

/** Adds to sums that nobody else has: a report is made of thousands. What is lacking is 0. */
export function addSums(sums: { -readonly [Figure in keyof UsageSums]: number }, more: Partial<UsageSums>): void {
  for (const figure of usageFigures) sums[figure] += more[figure] ?? 0;
}

/** Without what is 0. */
export function nonZero(sums: UsageSums): Partial<UsageSums> {
  return Object.fromEntries(usageFigures.flatMap((figure) => (sums[figure] === 0 ? [] : [[figure, sums[figure]]])));
}

/** Attempts, however they ended. */
export function attemptsIn(sums: UsageSums): number {
  return attemptEnds.reduce((sum, end) => sum + sums[end], 0);
}
