import { writeFile } from 'node:fs/promises';
import { origin } from '../system/machine.ts';
import { runJson } from '../system/processes.ts';
import type { CapacityFigures, Sizes } from './figures.ts';
import { measureFold } from './fold-cost.ts';
import { playSharding } from './sharding.ts';
import { capacityBaseline, writeCapacity } from './write.ts';

/** As many as the limit may be at most. */
const sessionCounts = [50, 1_000, 10_000, 100_000];

/** Measures what no other baseline has, plays the simulation, keeps both and writes docs/capacity.md: a minute or two. */
export async function measureCapacity(told: (text: string) => void): Promise<void> {
  const figures: CapacityFigures = {
    origin: origin(),
    sizes: await runJson<Sizes>('src/main/bench-sizes.ts', []),
    folds: sessionCounts.map((sessions) => {
      const fold = measureFold(sessions);
      told(
        `folding with ${sessions} sessions: a visit ${fold.visitMs.toFixed(3)} ms, a beat ${fold.beatMs.toFixed(3)} ms`,
      );
      return fold;
    }),
    sharding: playSharding(told),
  };
  // No figure is known better.
  const rounded = (_: string, value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(6)) : value);
  await writeFile(capacityBaseline, `${JSON.stringify(figures, rounded, 2)}\n`);
  await writeCapacity();
}
