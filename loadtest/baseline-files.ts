import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What is kept of the last whole run of each bench, and of what else is measured. */
export const baselines = fileURLToPath(new URL('./baselines/', import.meta.url));
/** Of `npm run load`, a file for each scenario and profile. */
export const loadBaselines = join(baselines, 'load');

/** undefined before the first run. */
export async function written<T>(file: string): Promise<T | undefined> {
  return existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as T) : undefined;
}
