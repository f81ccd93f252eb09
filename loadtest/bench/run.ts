/**
 * `npm run bench`: measures the embedded profile, or with `-- --profile distributed` that one, and writes loadtest/baselines/<profile>.json and
 * docs/benchmarks.md. With `--quick` it is short and writes quick-<profile>.json only.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureDistributed } from './distributed.ts';
import { measureEmbedded } from './embedded.ts';
import type { DistributedFigures, EmbeddedFigures } from './figures.ts';
import { plans } from './plan.ts';
import { report } from './report.ts';

const { values } = parseArgs({
  options: { profile: { type: 'string', default: 'embedded' }, quick: { type: 'boolean', default: false } },
});
const measures = { embedded: measureEmbedded, distributed: measureDistributed };
const baselines = fileURLToPath(new URL('../baselines/', import.meta.url));
const page = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url));

/** The figures of the last whole run of a profile; undefined before the first. */
async function written<F>(profile: keyof typeof measures): Promise<F | undefined> {
  const file = join(baselines, `${profile}.json`);
  return existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as F) : undefined;
}

async function bench(profile: keyof typeof measures): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'parley-bench-'));
  try {
    const figures = await measures[profile](values.quick ? plans.quick : plans.whole, work);
    await mkdir(baselines, { recursive: true });
    const file = `${values.quick ? 'quick-' : ''}${profile}.json`;
    await writeFile(join(baselines, file), `${JSON.stringify(figures, null, 2)}\n`);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  if (values.quick) return;
  const [embedded, distributed] = [
    await written<EmbeddedFigures>('embedded'),
    await written<DistributedFigures>('distributed'),
  ];
  await writeFile(page, report(embedded, distributed));
}

const { profile } = values;
if (profile !== 'embedded' && profile !== 'distributed') throw new Error('--profile is embedded or distributed');
await bench(profile);
