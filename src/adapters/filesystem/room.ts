import { statfs } from 'node:fs/promises';
import {
  isNoRoom,
  type MediaLimits,
  type MediaObject,
  MediaQuotaExceeded,
  MediaStoreFull,
  MediaUnavailable,
  type MediaUsage,
} from '../../ports/media-store.ts';
import type { ObjectFiles } from './object-files.ts';

export interface RoomLimits extends MediaLimits {
  /** The disk has at least so many bytes left, for what else it holds. */
  readonly minFreeBytes?: number;
  /** Of all objects together. */
  readonly maxBytesInAll?: number | undefined;
}

export interface RoomDeps extends RoomLimits {
  readonly folder: string;
  readonly files: ObjectFiles;
  /** What the disk has left; default: as the file system of the folder says. */
  readonly freeBytes?: (() => Promise<number>) | undefined;
  /** Told of each object that there is no room for. */
  readonly onNoRoom?: ((error: MediaStoreFull | MediaQuotaExceeded) => void) | undefined;
}

const nothing: Disposable = { [Symbol.dispose]() {} };

/**
 * Space for further objects. Existing ones are counted once, from the files themselves, so that the sum is right after any crash; from then on each
 * object is added and subtracted. No other process uses the folder. Objects being received count as stored.
 */
export class Room {
  readonly #deps: RoomDeps;
  readonly #byOwner = new Map<string, { objects: number; bytes: number }>();
  readonly #heldByOwner = new Map<string, number>();
  #bytesInAll = 0;
  #heldBytes = 0;
  #counting: Promise<void> | undefined;
  #isClosed = false;

  constructor(deps: RoomDeps) {
    this.#deps = deps;
  }

  /** Room for the object until it is disposed of; an object that is there already needs none. Throws MediaQuotaExceeded or MediaStoreFull. */
  async take(object: MediaObject): Promise<Disposable> {
    await this.counted();
    if ((await this.#deps.files.findAtOnce(object.mediaId)) !== null) return nothing;
    let held: Disposable | undefined;
    try {
      this.#checkLimits(object);
      held = this.#hold(object);
      await this.#checkDisk(0);
      return held;
    } catch (error) {
      held?.[Symbol.dispose]();
      this.#tell(error);
      throw error;
    }
  }

  /** Throws as `take` while there is no space for an expected object; reserves nothing. */
  async check(object: MediaObject): Promise<void> {
    await this.counted();
    try {
      this.#checkLimits(object);
      await this.#checkDisk(object.sizeBytes);
    } catch (error) {
      this.#tell(error);
      throw error;
    }
  }

  /** The object is there from now on. */
  added({ ownerId, sizeBytes }: MediaObject): void {
    this.#change(ownerId, 1, sizeBytes);
  }

  /** The object is not there any more. */
  removed({ ownerId, sizeBytes }: MediaObject): void {
    this.#change(ownerId, -1, -sizeBytes);
  }

  async usageOf(ownerId: string): Promise<MediaUsage> {
    await this.counted();
    return { ...(this.#byOwner.get(ownerId) ?? { objects: 0, bytes: 0 }) };
  }

  /** Resolves when existing objects have been counted. Objects are added and removed only after that. */
  counted(): Promise<void> {
    this.#counting ??= this.#count().catch((error: unknown) => {
      this.#counting = undefined;
      throw error;
    });
    return this.#counting;
  }

  /** Ends the counting. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#counting?.catch(() => undefined);
  }

  async #count(): Promise<void> {
    this.#byOwner.clear();
    this.#bytesInAll = 0;
    for await (const batch of this.#deps.files.list()) {
      if (this.#isClosed) throw new MediaUnavailable('the media store is closed');
      for (const media of batch) this.added(media);
    }
  }

  #checkLimits({ ownerId, sizeBytes }: MediaObject): void {
    const { maxBytesPerOwner, maxBytesInAll } = this.#deps;
    const owned = (this.#byOwner.get(ownerId)?.bytes ?? 0) + (this.#heldByOwner.get(ownerId) ?? 0);
    if (maxBytesPerOwner !== undefined && owned + sizeBytes > maxBytesPerOwner)
      throw new MediaQuotaExceeded(`${owned} of ${maxBytesPerOwner} bytes are used`);
    const inAll = this.#bytesInAll + this.#heldBytes;
    if (maxBytesInAll !== undefined && inAll + sizeBytes > maxBytesInAll)
      throw new MediaStoreFull(`the media store has ${inAll} of ${maxBytesInAll} bytes`);
  }

  #tell(error: unknown): void {
    if (isNoRoom(error)) this.#deps.onNoRoom?.(error);
  }

  /** With all that is held: a part of it is on the disk already, so at worst it refuses a little early. */
  async #checkDisk(furtherBytes: number): Promise<void> {
    const { minFreeBytes = 0, freeBytes, folder } = this.#deps;
    if (minFreeBytes === 0) return;
    const free = freeBytes === undefined ? await freeBytesOf(folder) : await freeBytes();
    if (free - this.#heldBytes - furtherBytes < minFreeBytes)
      throw new MediaStoreFull(`the disk has ${free} bytes left, of which ${minFreeBytes} are not for media`);
  }

  #hold({ ownerId, sizeBytes }: MediaObject): Disposable {
    this.#changeHeld(ownerId, sizeBytes);
    return { [Symbol.dispose]: () => this.#changeHeld(ownerId, -sizeBytes) };
  }

  #changeHeld(ownerId: string, bytes: number): void {
    this.#heldBytes += bytes;
    const held = (this.#heldByOwner.get(ownerId) ?? 0) + bytes;
    if (held === 0) this.#heldByOwner.delete(ownerId);
    else this.#heldByOwner.set(ownerId, held);
  }

  #change(ownerId: string, objects: number, bytes: number): void {
    this.#bytesInAll += bytes;
    const before = this.#byOwner.get(ownerId) ?? { objects: 0, bytes: 0 };
    const after = { objects: before.objects + objects, bytes: before.bytes + bytes };
    if (after.objects === 0) this.#byOwner.delete(ownerId);
    else this.#byOwner.set(ownerId, after);
  }
}

/** What this user may still write to the disk of a folder. Rejects with what the file system says. */
export async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
