import { writeFile } from 'node:fs/promises';
import { written } from '../baseline-files.ts';
import { origin } from '../system/machine.ts';
import { runJson } from '../system/processes.ts';
import { type CapacityFigures, type Part, parts, type Sizes } from './figures.ts';
import { measureFold } from './fold-cost.ts';
import { measureFollowing } from './following-cost.ts';
import { playSharding } from './sharding.ts';
import { capacityBaseline, writeCapacity } from './write.ts';

/** As many as the limit may be at most. */
const sessionCounts = [50, 1_000, 10_000, 100_000];

type Told = (text: string) => void;
type Measures = { readonly [P in Part]: (told: Told) => CapacityFigures[P] | Promise<CapacityFigures[P]> };

const measures: Measures = {
  sizes: () => runJson<Sizes>('src/main/bench-sizes.ts', []),
  folds: (told) =>
    sessionCounts.map((sessions) => {
      const fold = measureFold(sessions);
      told(
        `folding with ${sessions} sessions: a visit ${fold.visitMs.toFixed(3)} ms, a beat ${fold.beatMs.toFixed(3)} ms`,
      );
      return fold;
    }),
  following: measureFollowing,
  sharding: playSharding,
};

/**
 * Measures what no other baseline has, plays the simulation, keeps both and writes docs/capacity.md: some minutes. `only`: these parts, the others stay
 * as they are. Throws when there is nothing for them to stay.
 */
export async function measureCapacity(told: Told, only: readonly Part[] = parts): Promise<void> {
  const before = await written<CapacityFigures>(capacityBaseline);
  const measured: Partial<Record<Part, unknown>> = {};
  for (const part of only) measured[part] = await measures[part](told);
  const figure = (part: Part) => {
    const found = measured[part] ?? before?.[part];
    if (found === undefined) throw new Error(`${capacityBaseline} has no ${part} that could stay`);
    return found;
  };
  const figures = {
    origins: { ...before?.origins, ...Object.fromEntries(only.map((part) => [part, origin()])) },
    ...Object.fromEntries(parts.map((part) => [part, figure(part)])),
  };
  // No figure is known better.
  const rounded = (_: string, value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(6)) : value);
  await writeFile(capacityBaseline, `${JSON.stringify(figures, rounded, 2)}\n`);
  await writeCapacity();
}
