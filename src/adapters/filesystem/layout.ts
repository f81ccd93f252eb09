/**
 * What is where in the folder:
 *
 *   version                         the number of this layout
 *   url-key                         32 random bytes that sign URLs
 *   <prefix>/<yyyy-mm-dd>/<id>      the bytes of an object; once they are here, it is there
 *   <prefix>/<yyyy-mm-dd>/<id>.json what it is
 *   <prefix>/partial/               what is not whole yet; empty when the store is opened
 */
import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDay, mediaDay } from '../../domain/media/media-id.ts';
import { createWhole, makeFolder } from './durable-files.ts';
import { isNotThere, MediaStoreDamaged, MediaStoreTooNew } from './errors.ts';

/** Of the folder: raised when an older release could no longer use it. */
export const layoutVersion = 1;
const urlKeyBytes = 32;

/** Files of the folder itself. */
export const ownFiles = ['version', 'url-key'] as const;

/** Where the two files of an object are. */
export interface Place {
  readonly folder: string;
  readonly bytes: string;
  readonly description: string;
}

/** The paths in use. Nothing else makes a path, so nothing outside the folder is reached. */
export class Layout {
  /** Holds a folder for each day. */
  readonly root: string;
  readonly partial: string;

  constructor(folder: string, prefix: string) {
    this.root = join(folder, prefix);
    this.partial = join(this.root, 'partial');
  }

  /** undefined for what is not a media id. */
  placeOf(mediaId: string): Place | undefined {
    const day = mediaDay(mediaId);
    if (day === undefined) return undefined;
    const folder = join(this.root, day);
    return { folder, bytes: join(folder, mediaId), description: join(folder, `${mediaId}.json`) };
  }

  /** The folder of a day that `isDay` knows. */
  dayFolder(day: string): string {
    if (!isDay(day)) throw new RangeError(`${day} is no day`);
    return join(this.root, day);
  }
}

/**
 * Prepares the folder, and empties `partial`. The signing key is created once, so that URLs survive a restart. Throws MediaStoreTooNew,
 * MediaStoreDamaged, or errors of the file system.
 */
export async function prepareFolder(folder: string, prefix: string): Promise<{ layout: Layout; urlKey: Uint8Array }> {
  const layout = new Layout(folder, prefix);
  await makeFolder(folder);
  checkVersion(folder, await contentOf(join(folder, 'version'), () => Buffer.from(`${layoutVersion}\n`)));
  const urlKey = await contentOf(join(folder, 'url-key'), () => randomBytes(urlKeyBytes));
  if (urlKey.length !== urlKeyBytes) {
    throw new MediaStoreDamaged(
      `${join(folder, 'url-key')} has ${urlKey.length} bytes instead of ${urlKeyBytes}; without the file a new key is made, and URLs given out before end`,
    );
  }
  await rm(layout.partial, { recursive: true, force: true });
  await makeFolder(layout.partial);
  return { layout, urlKey };
}

function checkVersion(folder: string, content: Buffer): void {
  const version = Number(content.toString('latin1').trim() || Number.NaN);
  if (!Number.isSafeInteger(version)) {
    throw new MediaStoreDamaged(`${join(folder, 'version')} holds no number; it should hold ${layoutVersion}`);
  }
  if (version > layoutVersion) {
    throw new MediaStoreTooNew(
      `the media folder ${folder} is of version ${version}; this release knows up to ${layoutVersion}`,
    );
  }
}

async function contentOf(path: string, initial: () => Buffer): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if (!isNotThere(error)) throw error;
    const content = initial();
    await createWhole(path, content);
    return content;
  }
}
