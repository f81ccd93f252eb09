/**
 * `npm run bench`: measures the embedded profile, or with `-- --profile distributed` that one, and writes loadtest/baselines/<profile>.json and
 * docs/benchmarks.md. With `--quick` it is short and writes quick-<profile>.json only.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { baselines, writeBenchmarks } from '../benchmarks-page.ts';
import { measureDistributed } from './distributed.ts';
import { measureEmbedded } from './embedded.ts';
import { plans } from './plan.ts';

const { values } = parseArgs({
  options: { profile: { type: 'string', default: 'embedded' }, quick: { type: 'boolean', default: false } },
});
const measures = { embedded: measureEmbedded, distributed: measureDistributed };
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
  if (!values.quick) await writeBenchmarks();
}

const { profile } = values;
if (profile !== 'embedded' && profile !== 'distributed') throw new Error('--profile is embedded or distributed');
await bench(profile);
