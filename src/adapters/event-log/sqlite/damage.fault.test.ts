import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { Kind } from './testing/damage.ts';
import { checkCopy, checkSalvage, makeOriginal, randomNumbers, writeDamagedCopy } from './testing/damage.ts';
import { temporaryFolder } from './testing/logs.ts';

const seed = Date.now() % 2 ** 31;
const copies = 1_000;
/** Every so many of the refused copies is salvaged as well. */
const salvageEvery = 10;

describe('1,000 damaged copies of the data folder', () => {
  test.each<Kind>(['cut', 'flip'])(
    `open whole or are refused: %s, seed ${seed}`,
    async (kind) => {
      await using folder = await temporaryFolder();
      const random = randomNumbers(seed);
      const original = await makeOriginal(folder.path, random);
      const dataDir = join(folder.path, 'copy');
      const fates = { whole: 0, refused: 0 };
      for (let copy = 0; copy < copies; copy += 1) {
        const done = writeDamagedCopy(original, dataDir, kind, random);
        try {
          const fate = await checkCopy(original, dataDir);
          fates[fate] += 1;
          if (fate === 'refused' && fates.refused % salvageEvery === 0) await checkSalvage(original, dataDir, kind);
        } catch (error) {
          throw new Error(`copy ${copy}: ${done}`, { cause: error });
        }
      }
      console.info(`${kind}, seed ${seed}: ${fates.whole} opened whole, ${fates.refused} were refused`);
      expect(fates.whole + fates.refused).toBe(copies);
      expect(fates.refused).toBeGreaterThan(copies / 2);
    },
    300_000,
  );
});
