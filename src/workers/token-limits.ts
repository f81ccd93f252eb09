import type { Spend } from '../domain/spending/events.ts';
import type { TokenLimits, UsageBounds, UsedUnits } from '../ports/provider.ts';

/**
 * What a request may use of what is left: a reply as long as it may be, then as much input as is ever sent. undefined: there is not enough for any.
 * `spendOf`: what so much counts in budgets; it must not fall where tokens are added.
 */
export function limitsWithin(
  left: Spend,
  { least, most }: UsageBounds,
  spendOf: (units: UsedUnits) => Spend,
): TokenLimits | undefined {
  const fits = (units: UsedUnits) => {
    const { tokens, cost } = spendOf(units);
    return tokens <= left.tokens && cost <= left.cost;
  };
  if (!fits(least)) return undefined;
  const outputTokens = greatest(least.outputTokens, most.outputTokens, (tokens) =>
    fits({ ...least, outputTokens: tokens }),
  );
  const inputTokens = greatest(least.inputTokens, most.inputTokens, (tokens) =>
    fits({ ...least, outputTokens, inputTokens: tokens }),
  );
  return { inputTokens, outputTokens };
}

/** The greatest number of a range, whose first one holds, that does; where one does not, no greater one does. */
function greatest(first: number, last: number, holds: (number: number) => boolean): number {
  let [low, high] = [first, Math.max(first, last)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (holds(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}
