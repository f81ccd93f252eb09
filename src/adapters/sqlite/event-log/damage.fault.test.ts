import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { testSeeds } from '../../../testing/random.ts';
import { rounds } from '../../../testing/rounds.ts';
import type { Kind } from './testing/damage.ts';
import { checkCopy, checkSalvage, makeOriginal, randomNumbers, writeDamagedCopy } from './testing/damage.ts';
import { temporaryFolder } from './testing/logs.ts';

/** Of each kind; the seeds share them. */
const copies = rounds({ usual: 100, long: 1_000 });
/** Every so many of the refused copies is salvaged as well. */
const salvageEvery = 10;

describe(`${copies} damaged copies of the data folder`, () => {
  test.each<Kind>(['cut', 'flip'])('open whole or are refused: %s', async (kind) => {
    const fates = { whole: 0, refused: 0 };
    for (const seed of testSeeds) {
      await using folder = await temporaryFolder();
      const random = randomNumbers(seed);
      const original = await makeOriginal(folder.path, random);
      const dataDir = join(folder.path, 'copy');
      for (let copy = 0; copy < copies / testSeeds.length; copy += 1) {
        const done = writeDamagedCopy(original, dataDir, kind, random);
        try {
          const fate = await checkCopy(original, dataDir);
          fates[fate] += 1;
          if (fate === 'refused' && fates.refused % salvageEvery === 0) await checkSalvage(original, dataDir, kind);
        } catch (error) {
          throw new Error(`TEST_SEED=${seed}, copy ${copy}: ${done}`, { cause: error });
        }
      }
    }
    console.info(`${kind}: ${fates.whole} opened whole, ${fates.refused} were refused`);
    expect(fates.whole + fates.refused).toBe(copies);
    expect(fates.refused).toBeGreaterThan(copies / 2);
  });
});
