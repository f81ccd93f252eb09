import { execFile } from 'node:child_process';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createBrotliDecompress } from 'node:zlib';
import { ownRoot } from './server.ts';

/**
 * What ran before this release, as `releases/` has it: the release of that name, or the last commit before one, since the distributed profile came with
 * 0.3.0. Neither is published anywhere, and a checkout need not have the history.
 */
export type FormerRelease = '0.2.0' | 'before-0.3.0';

/** Ignored by git. Within the checkout, so that the packages of this release are found, and always the same, so that Node finds its code compiled. */
const folder = join(ownRoot, 'data', 'releases');

/** The folder of a former release, for `startServer`. It runs with the packages of this one. */
export async function formerRelease(name: FormerRelease): Promise<string> {
  const root = join(folder, name);
  if (existsSync(root)) return root;
  await mkdir(folder, { recursive: true });
  const unfinished = await mkdtemp(`${root}-`);
  try {
    await extract(join(import.meta.dirname, 'releases', `${name}.tar.br`), unfinished);
    await rename(unfinished, root);
  } catch (error) {
    await rm(unfinished, { recursive: true });
    // Another test was first.
    if (!existsSync(root)) throw error;
  }
  return root;
}

async function extract(archive: string, into: string): Promise<void> {
  // Not by tar's standard input: tar may end, having read all that it needs, before the last write to it has ended.
  const unpacked = join(into, 'release.tar');
  await pipeline(createReadStream(archive), createBrotliDecompress(), createWriteStream(unpacked));
  await promisify(execFile)('tar', ['-x', '-f', unpacked, '-C', into]);
  await rm(unpacked);
}
