import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { documents } from './documents.ts';

/** Writes the generated pages below the folder named first, or the working directory. */
const [folder = '.'] = process.argv.slice(2);
for (const [path, text] of Object.entries(documents())) {
  const target = join(folder, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
}
