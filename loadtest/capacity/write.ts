import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { baselines, loadBaselines, written } from '../baseline-files.ts';
import type { Baselines } from './costs.ts';
import { capacityPage } from './page.ts';

export const capacityBaseline = join(baselines, 'capacity.json');
const page = fileURLToPath(new URL('../../docs/capacity.md', import.meta.url));

/** What is kept of everything that was measured; undefined while something is missing. */
export async function readBaselines(): Promise<Baselines | undefined> {
  const [embedded, distributed, idle, published, capacity] = await Promise.all([
    written<Baselines['embedded']>(join(baselines, 'embedded.json')),
    written<Baselines['distributed']>(join(baselines, 'distributed.json')),
    written<Baselines['idle']>(join(loadBaselines, 'idle-embedded.json')),
    written<Baselines['published']>(join(loadBaselines, 'published-distributed.json')),
    written<Baselines['capacity']>(capacityBaseline),
  ]);
  if (!embedded || !distributed || !idle || !published || !capacity) return undefined;
  return { embedded, distributed, idle, published, capacity };
}

/** Writes docs/capacity.md anew; nothing while a baseline is missing. */
export async function writeCapacity(): Promise<void> {
  const all = await readBaselines();
  if (all !== undefined) await writeFile(page, capacityPage(all));
}
