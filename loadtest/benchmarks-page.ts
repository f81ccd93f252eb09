import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DistributedFigures } from './bench/distributed.ts';
import type { EmbeddedFigures } from './bench/embedded.ts';
import { distributedValues, embeddedValues } from './bench/report.ts';
import { filled } from './markdown.ts';
import { loadValues } from './report/document.ts';
import type { LoadResult } from './result.ts';
import { scenarios } from './scenarios/scenarios.ts';

/** What is kept of the last whole run of each bench, and of what else is measured. */
export const baselines = fileURLToPath(new URL('./baselines/', import.meta.url));
/** Of `npm run load`, a file for each scenario and profile. */
export const loadBaselines = join(baselines, 'load');

export const benchmarksPath = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url));
const template = new URL('./benchmarks.template.md', import.meta.url);

/** Writes docs/benchmarks.md from the last whole run of each bench and each load, whichever command made it. */
export async function writeBenchmarks(): Promise<void> {
  await writeFile(benchmarksPath, await benchmarksPage());
}

/** docs/benchmarks.md, by its template and the baselines. */
export async function benchmarksPage(): Promise<string> {
  const names = (await readdir(loadBaselines)).filter((name) => name.endsWith('.json'));
  const loads = await Promise.all(names.map((name) => baseline<LoadResult>(`load/${name}`)));
  return filled(await readFile(template, 'utf8'), {
    embedded: embeddedValues(await baseline<EmbeddedFigures>('embedded.json')),
    distributed: distributedValues(await baseline<DistributedFigures>('distributed.json')),
    load: loadValues(loads.sort((a, b) => placeOf(a) - placeOf(b))),
  });
}

async function baseline<T>(file: string): Promise<T> {
  return JSON.parse(await readFile(join(baselines, file), 'utf8')) as T;
}

/** As the scenarios are listed, of each the embedded profile first, and gRPC before gRPC-Web. */
function placeOf({ scenario, profile, load }: LoadResult): number {
  const later = [profile === 'distributed', load.protocol === 'grpc-web'].map(Number);
  return Number(`${Object.keys(scenarios).indexOf(scenario)}${later.join('')}`);
}
