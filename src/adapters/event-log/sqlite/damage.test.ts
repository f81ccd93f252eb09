import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { testSeeds } from '../../../testing/random.ts';
import type { Kind } from './testing/damage.ts';
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
const copies = 12;

describe('a damaged copy of the data folder', () => {
  test.each<Kind>(['cut', 'flip'])('opens whole or is refused, and is salvaged: %s', async (kind) => {
    const fates = new Set<string>();
    for (const seed of testSeeds) {
      await using folder = await temporaryFolder();
      const random = randomNumbers(seed);
      const original = await makeOriginal(folder.path, random);
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
