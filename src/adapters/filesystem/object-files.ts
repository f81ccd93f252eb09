import { lstatSync, renameSync } from 'node:fs';
import { type FileHandle, lstat, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDay, mediaDay } from '../../domain/media/media-id.ts';
import type { Clock } from '../../ports/clock.ts';
import { isPossible, MediaMissing, type MediaObject, type StoredMedia } from '../../ports/media-store.ts';
import { openToRead, renameInto, syncFolder, writeSynced } from './durable-files.ts';
import { isNotThere } from './errors.ts';
import type { Layout, Place } from './layout.ts';
import { listBatchObjects } from './limits.ts';
import { begunMs, PartialFile } from './partial-file.ts';

/** Behind an object's own name, the name of its description. */
export const descriptionEnding = '.json';

/** The files of the objects: an object is there when its bytes have their name, its description is whole, and their length is as it says. */
export class ObjectFiles {
  readonly #layout: Layout;
  readonly #clock: Clock;
  readonly #turns = new Turns();
  /** Paths of partial files that are being written. */
  readonly #inUse = new Set<string>();

  constructor(layout: Layout, clock: Clock) {
    this.#layout = layout;
    this.#clock = clock;
  }

  /** A place for bytes that are to come. */
  begin(): PartialFile {
    return PartialFile.begin(this.#layout.partial, this.#clock.nowMs(), this.#inUse);
  }

  /**
   * Makes an object of a partial file that has all its bytes, unless there is one of this id. It is durable when this resolves. The description has its name
   * first: a crash between the two leaves one that describes nothing, and `removePartial` finds it.
   */
  async keep(object: MediaObject, partial: PartialFile): Promise<'stored' | 'was there'> {
    const place = this.#placeOf(object.mediaId);
    return this.#turns.take(object.mediaId, async () => {
      if ((await this.findAtOnce(object.mediaId)) !== null) return 'was there';
      const description = Buffer.from(describe(object, this.#clock.nowMs()));
      // Both to their end: a file must not be closed while it is synced. The description's is made first: making a file waits for a sync that is under way.
      const ends = await Promise.allSettled([writeSynced(partial.descriptionPath, description), partial.sync()]);
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
      await renameInto(place.folder, partial.descriptionPath, place.description);
      renameSync(partial.path, place.bytes);
      partial.isKept = true;
      await syncFolder(place.folder);
      return 'stored';
    });
  }

  /** The object, or null. Its bytes are not read. */
  async find(mediaId: string): Promise<StoredMedia | null> {
    const place = this.#layout.placeOf(mediaId);
    if (place === undefined) return null;
    try {
      const [file, text] = await Promise.all([lstat(place.bytes), readFile(place.description, 'utf8')]);
      const media = parseDescription(mediaId, text);
      return media !== undefined && file.isFile() && file.size === media.sizeBytes ? media : null;
    } catch (error) {
      if (isNotThere(error)) return null;
      throw error;
    }
  }

  /** The same, sooner for one that is not there. */
  async findAtOnce(mediaId: string): Promise<StoredMedia | null> {
    const { bytes } = this.#placeOf(mediaId);
    return lstatSync(bytes, { throwIfNoEntry: false }) === undefined ? null : this.find(mediaId);
  }

  /** The object's bytes, to be closed by the caller, and what it is. Throws MediaMissing. */
  async open(mediaId: string): Promise<{ readonly file: FileHandle; readonly media: StoredMedia }> {
    const media = await this.find(mediaId);
    if (media === null) throw new MediaMissing(`there is no media object ${mediaId}`);
    try {
      return { media, file: await openToRead(this.#placeOf(mediaId).bytes) };
    } catch (error) {
      // It was removed a moment ago.
      throw isNotThere(error) ? new MediaMissing(`there is no media object ${mediaId}`) : error;
    }
  }

  /** Removes the object, bytes first: what a crash leaves of it describes nothing, and `removePartial` finds it. `removed` is told what it was. */
  async delete(mediaId: string, removed: (media: StoredMedia) => void): Promise<void> {
    const place = this.#layout.placeOf(mediaId);
    if (place === undefined) return;
    await this.#turns.take(mediaId, async () => {
      const media = await this.findAtOnce(mediaId);
      await rm(place.bytes, { force: true });
      if (media !== null) removed(media);
      await rm(place.description, { force: true });
    });
  }

  /** Every object, by day. */
  async *list(): AsyncGenerator<readonly StoredMedia[]> {
    for (const day of await this.#days()) {
      const ids = (await namesIn(this.#layout.dayFolder(day))).filter((name) => mediaDay(name) === day);
      for (let from = 0; from < ids.length; from += listBatchObjects) {
        const found = await Promise.all(ids.slice(from, from + listBatchObjects).map((id) => this.find(id)));
        const whole = found.filter((media) => media !== null);
        if (whole.length > 0) yield whole;
      }
    }
  }

  /** Removes partial files that nobody writes, and descriptions of nothing, if they are older than this. */
  async removePartial(olderThanMs: number): Promise<void> {
    const beforeMs = this.#clock.nowMs() - olderThanMs;
    for (const name of await namesIn(this.#layout.partial)) {
      const path = join(this.#layout.partial, name);
      const bytesPath = path.endsWith(descriptionEnding) ? path.slice(0, -descriptionEnding.length) : path;
      if (begunMs(name) < beforeMs && !this.#inUse.has(bytesPath)) await rm(path, { force: true, recursive: true });
    }
    for (const day of await this.#days()) await this.#removeLeftDescriptions(day, beforeMs);
  }

  async #removeLeftDescriptions(day: string, beforeMs: number): Promise<void> {
    const names = new Set(await namesIn(this.#layout.dayFolder(day)));
    for (const name of names) {
      const mediaId = name.slice(0, -descriptionEnding.length);
      if (!name.endsWith(descriptionEnding) || mediaDay(mediaId) !== day || names.has(mediaId)) continue;
      const { bytes, description } = this.#placeOf(mediaId);
      await this.#turns.take(mediaId, async () => {
        const isLeft = !(await isThere(bytes)) && (await modifiedMs(description)) < beforeMs;
        if (isLeft) await rm(description, { force: true });
      });
    }
  }

  async #days(): Promise<readonly string[]> {
    return (await namesIn(this.#layout.root)).filter(isDay);
  }

  #placeOf(mediaId: string): Place {
    const place = this.#layout.placeOf(mediaId);
    if (place === undefined) throw new RangeError(`${mediaId} is no media id`);
    return place;
  }
}

/** In order. */
async function namesIn(folder: string): Promise<readonly string[]> {
  return (await readdir(folder)).sort();
}

async function isThere(path: string): Promise<boolean> {
  return (await modifiedMs(path)) > Number.NEGATIVE_INFINITY;
}

/** Minus infinity when it is not there. */
async function modifiedMs(path: string): Promise<number> {
  try {
    return (await lstat(path)).mtimeMs;
  } catch (error) {
    if (isNotThere(error)) return Number.NEGATIVE_INFINITY;
    throw error;
  }
}

/** One after the other for each key: what is done to an object's two files is done by one at a time. */
class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs this when all that came before it under the same key has ended, however it ended. */
  async take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#last.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.#last.get(key) === mine) this.#last.delete(key);
    }
  }
}

/** The text of an object's `.json`. */
function describe(object: MediaObject, createTimeMs: number): string {
  const { ownerId: owner, kind, contentType: type, sizeBytes: size, sha256 } = object;
  return `${JSON.stringify({ owner, kind, type, size, sha256, createTimeMs })}\n`;
}

/** Parses such a text; undefined when it is damaged, so that its object does not exist. */
export function parseDescription(mediaId: string, text: string): StoredMedia | undefined {
  const { owner, kind, type, size, sha256, createTimeMs } = fieldsOf(text);
  const media = {
    mediaId,
    ownerId: owner,
    kind,
    contentType: type,
    sizeBytes: size,
    sha256,
    createTimeMs,
  } as StoredMedia;
  return isPossible(media) && Number.isFinite(createTimeMs) ? media : undefined;
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    // Only damage makes it so: it was synced before it had its name.
    return {};
  }
}
