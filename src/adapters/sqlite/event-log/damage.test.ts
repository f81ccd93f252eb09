import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { testSeeds } from '../../../testing/random.ts';
import { rounds } from '../../../testing/rounds.ts';
import type { Kind, Original } from './testing/damage.ts';
import {
  checkCopy,
  checkOpening,
  checkSalvage,
  makeOriginal,
  randomNumbers,
  writeDamagedCopy,
} from './testing/damage.ts';
import { temporaryFolder } from './testing/logs.ts';

/** Of each kind; the seeds share them. */
const copies = rounds({ usual: 8, long: 100 });

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
/** One of each seed: they take longer to make than to damage. */
const originals = new Map<number, Original>();

beforeAll(async () => {
  folder = await temporaryFolder();
  const make = async (seed: number) =>
    originals.set(seed, await makeOriginal(join(folder.path, `${seed}`), randomNumbers(seed)));
  await Promise.all(testSeeds.map(make));
});
afterAll(async () => {
  await folder?.[Symbol.asyncDispose]();
});

describe('a damaged copy of the data folder', () => {
  test.each<Kind>(['cut', 'flip'])('opens whole or is refused, and is salvaged: %s', async (kind) => {
    const fates = new Set<string>();
    for (const [seed, original] of originals) {
      const random = randomNumbers(seed);
      const dataDir = join(folder.path, 'copy');
      for (let copy = 0; copy < copies / testSeeds.length; copy += 1) {
        const done = writeDamagedCopy(original, dataDir, kind, random);
        try {
          const fate = await checkCopy(original, dataDir);
          fates.add(fate);
          await checkOpening(dataDir, fate);
          if (fate === 'refused') await checkSalvage(original, dataDir, kind);
        } catch (error) {
          throw new Error(`TEST_SEED=${seed}, copy ${copy}: ${done}`, { cause: error });
        }
      }
    }
    expect(fates).toContain('refused');
  });
});
