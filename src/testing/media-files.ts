import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The files of media objects of a data folder, as paths in it, in order. */
export function mediaFilesOf(dataDir: string): readonly string[] {
  return readdirSync(join(dataDir, 'media'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\/\d{4}-\d\d-\d\d\/./.test(name))
    .map((name) => join('media', name))
    .sort();
}
