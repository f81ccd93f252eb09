import fc from 'fast-check';
import { testSeeds } from './random.ts';

/**
 * `fc.assert` with every seed of `testSeeds`, which share the cases. A failure names its seed; TEST_SEED=<seed> finds it again. Throws, and
 * rejects for an asynchronous property, what `fc.assert` does.
 */
export function assertProperty<Ts>(property: fc.IAsyncProperty<Ts>, parameters?: fc.Parameters<Ts>): Promise<void>;
export function assertProperty<Ts>(property: fc.IProperty<Ts>, parameters?: fc.Parameters<Ts>): void;
export function assertProperty<Ts>(
  property: fc.IAsyncProperty<Ts> | fc.IProperty<Ts>,
  { numRuns = defaultRuns, ...parameters }: fc.Parameters<Ts> = {},
): Promise<void> | void {
  const shares = testSeeds.map((seed) => ({ ...parameters, seed, numRuns: Math.ceil(numRuns / testSeeds.length) }));
  if (!property.isAsync()) {
    for (const share of shares) fc.assert(property as fc.IProperty<Ts>, share);
    return;
  }
  return (async () => {
    for (const share of shares) await fc.assert(property as fc.IAsyncProperty<Ts>, share);
  })();
}

/** Fast-check's own. */
const defaultRuns = 100;
