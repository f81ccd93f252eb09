import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Media are for their owners, who come by way of this process: no other user of the machine reads them. */
const privateFileMode = 0o600;
const privateFolderMode = 0o700;

/** Opens a file that is not there yet. */
export function openNew(path: string): Promise<FileHandle> {
  return open(path, 'wx', privateFileMode);
}

/** Opens a file for reading; a link is refused, because links lead elsewhere. */
export function openToRead(path: string): Promise<FileHandle> {
  return open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
}

/** Writes a file, which is synced when this resolves; its name is not. */
export async function writeSynced(path: string, content: string | Uint8Array): Promise<void> {
  await using file = await open(path, 'w', privateFileMode);
  await file.writeFile(content);
  await file.sync();
}

/** Makes a file that appears whole or not at all, whatever happens. */
export async function createWhole(path: string, content: string | Uint8Array): Promise<void> {
  const unfinished = `${path}.new`;
  await writeSynced(unfinished, content);
  await rename(unfinished, path);
  await syncFolder(dirname(path));
}

/** Makes a folder if it is not there; it is there after a power cut, too. */
export async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: privateFolderMode });
  if (first === undefined) return;
  for (let made = path; ; made = dirname(made)) {
    await syncFolder(dirname(made));
    if (made === first || made === dirname(made)) return;
  }
}

/** Makes renames within a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}
