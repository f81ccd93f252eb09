import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadBaselines, writeBenchmarks } from '../benchmarks-page.ts';
import { page } from '../report/page.ts';
import { plots } from '../report/plots.ts';
import { nameParts } from '../report/wording.ts';
import type { LoadResult } from '../result.ts';

const images = fileURLToPath(new URL('../../docs/images/load/', import.meta.url));
/** Of a baseline: as many as a plot shows apart. */
const maxTicks = 150;

/** Writes the result as JSON and as a page into a folder, which is made. Gives the page's path. */
export async function writeResult(result: LoadResult, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const base = join(folder, nameParts(result).join('-'));
  await writeJson(`${base}.json`, result);
  await writeFile(`${base}.html`, await page(result));
  return `${base}.html`;
}

/** Keeps the result with the code, and writes what docs/ says of it. */
export async function writeBaseline(result: LoadResult): Promise<void> {
  await mkdir(loadBaselines, { recursive: true });
  await writeJson(join(loadBaselines, `${nameParts(result).join('-')}.json`), thinned(result));
  await mkdir(images, { recursive: true });
  for (const [name, svg] of Object.entries(await plots(result))) await writeFile(join(images, name), svg);
  await writeBenchmarks();
}

/** No figure is known better than to a thousandth of its unit. */
function writeJson(file: string, result: LoadResult): Promise<void> {
  const rounded = (_: string, value: unknown) => (typeof value === 'number' ? Number(value.toFixed(3)) : value);
  return writeFile(file, `${JSON.stringify(result, rounded, 2)}\n`);
}

/** Seconds left out evenly: each of those that stay is whole. */
export function thinned(result: LoadResult): LoadResult {
  const { driver, system } = result;
  return { ...result, driver: { ...driver, ticks: everySo(driver.ticks) }, system: everySo(system) };
}

function everySo<T>(ticks: readonly T[]): readonly T[] {
  const step = Math.ceil(ticks.length / maxTicks);
  return ticks.filter((_, index) => index % step === 0);
}
