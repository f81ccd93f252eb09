import { createHash } from 'node:crypto';
import { closeSync, createReadStream, existsSync, openSync } from 'node:fs';
import { copyFile, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isDay, mediaDay } from '../../domain/media/media-id.ts';
import { makeFolder, sync, syncFolder } from './durable-files.ts';
import { isNotThere } from './errors.ts';
import { ownFiles } from './layout.ts';
import { descriptionEnding, parseDescription } from './object-files.ts';

/** What copying a folder of media has done. */
export interface CopiedMedia {
  /** Objects that the copy has now, those that it had before included. */
  readonly objects: number;
  /** Objects that are damaged, and left out: path, and what is wrong. */
  readonly missing: readonly string[];
}

/**
 * Copies the objects of every deployment in a folder of media, each checked against its hash, and the folder's own files; what the copy has already stays
 * as it is. A server may run on the source: nothing is written there, and an object that it removes meanwhile is not copied. `onProgress` is called with
 * objects. Rejects with what the file system says.
 */
export async function copyMediaFolder(
  source: string,
  target: string,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<CopiedMedia> {
  await makeFolder(target);
  for (const name of ownFiles) await ignoringRemoved(copySynced(join(source, name), join(target, name)));
  const names = (await readdir(source, { recursive: true })).filter(isObject).sort();
  const missing: string[] = [];
  const folders = new Set<string>();
  let objects = 0;
  for (const [index, name] of names.entries()) {
    const to = join(target, name);
    if (!folders.has(dirname(to))) await makeFolder(dirname(to));
    folders.add(dirname(to));
    const copied = await copyObject(join(source, name), to);
    if (copied === 'copied') objects += 1;
    else if (copied !== 'removed') missing.push(`${name}: ${copied.wrong}`);
    onProgress(index + 1, names.length);
  }
  for (const folder of [target, ...folders]) await syncFolder(folder);
  return { objects, missing };
}

/** `<prefix>/<yyyy-mm-dd>/<id>` */
function isObject(path: string): boolean {
  const [, day, id, ...more] = path.split('/');
  return day !== undefined && id !== undefined && more.length === 0 && isDay(day) && mediaDay(id) === day;
}

/** The bytes get their name last: once they have it, the object is there. */
async function copyObject(from: string, to: string): Promise<'copied' | 'removed' | { readonly wrong: string }> {
  if (existsSync(to)) return 'copied';
  const text = await ignoringRemoved(readFile(from + descriptionEnding, 'utf8'));
  const described = text === undefined ? undefined : parseDescription(basename(from), text);
  // A server removes the bytes first.
  if (described === undefined) return existsSync(from) ? { wrong: 'its description is missing or damaged' } : 'removed';
  if (!(await ignoringRemoved(copySynced(from + descriptionEnding, to + descriptionEnding)))) return 'removed';
  const isWhole = await ignoringRemoved(copySynced(from, to, described.sha256));
  if (isWhole === true) return 'copied';
  await rm(to + descriptionEnding, { force: true });
  return isWhole === undefined ? 'removed' : { wrong: 'its bytes are not those that it is described by' };
}

/** The copy is on the disk before it has its name. False, and there is none, when it does not have this hash. */
async function copySynced(from: string, to: string, sha256?: string): Promise<boolean> {
  const unfinished = `${to}.new`;
  await copyFile(from, unfinished);
  const isWhole = sha256 === undefined || (await sha256Of(unfinished)) === sha256;
  if (!isWhole) {
    await rm(unfinished);
    return false;
  }
  const file = openSync(unfinished, 'r');
  try {
    await sync(file);
  } finally {
    closeSync(file);
  }
  await rename(unfinished, to);
  return true;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** undefined when the file is not, or no longer, there. */
async function ignoringRemoved<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (!isNotThere(error)) throw error;
    return undefined;
  }
}
