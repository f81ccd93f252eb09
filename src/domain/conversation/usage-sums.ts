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
export const usageFigures = [...attemptEnds, 'estimated', ...units, 'priced', 'costMicros'] as const;

/** Attempts by how they ended, those of them with an estimated figure, what all of them used, those whose model had a price, and what they cost. */
export type UsageSums = Readonly<Record<(typeof usageFigures)[number], number>>;

export const nothingUsed = Object.fromEntries(usageFigures.map((figure) => [figure, 0])) as UsageSums;

/** The sums with one more attempt. */
export function withAttempt(sums: UsageSums, usage: AttemptUsage): UsageSums {
  return withSums(sums, sumsOf(usage));
}

/** Of one attempt, without what is 0: a message is summed up several times. */
export function sumsOf(usage: AttemptUsage): Partial<UsageSums> {
  const sums: Partial<Record<keyof UsageSums, number>> = { [usage.end]: 1 };
  if (usage.estimated) sums.estimated = 1;
  for (const unit of units) if (usage[unit] !== 0) sums[unit] = usage[unit];
  if (usage.cost !== undefined) {
    sums.priced = 1;
    if (usage.cost.microUnits !== 0) sums.costMicros = usage.cost.microUnits;
  }
  return sums;
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

/** An object with sums, to which others are added; what one of them lacks is 0, and is not there unless it is in the other. */
export function withNonZero<Sums extends Partial<UsageSums>>(left: Sums, right: Partial<UsageSums>): Sums {
  const sums: { -readonly [Figure in keyof UsageSums]?: number | undefined } = { ...left };
  for (const figure of Object.keys(right) as (keyof UsageSums)[])
    sums[figure] = (left[figure] ?? 0) + (right[figure] ?? 0);
  return sums as Sums;
}

/** Attempts, however they ended. */
export function attemptsIn(sums: UsageSums): number {
  return attemptEnds.reduce((sum, end) => sum + sums[end], 0);
}
