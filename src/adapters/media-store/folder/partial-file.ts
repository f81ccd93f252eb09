import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openNew } from './durable-files.ts';

/** What has come of an object, hashed as it comes. It is nobody's until it is kept; disposing of it removes what was not. */
export class PartialFile implements AsyncDisposable {
  readonly path: string;
  /** Its bytes and its description have names of their own now. */
  isKept = false;
  readonly #file: FileHandle;
  readonly #gone: () => void;
  readonly #hash = createHash('sha256');
  #sizeBytes = 0;

  private constructor(path: string, file: FileHandle, gone: () => void) {
    this.path = path;
    this.#file = file;
    this.#gone = gone;
  }

  /** A new one, named by when it was begun. `gone` is told its path when it is no longer in use. */
  static async begin(folder: string, nowMs: number, inUse: Set<string>): Promise<PartialFile> {
    const path = join(folder, `${nowMs}-${randomUUID()}`);
    inUse.add(path);
    try {
      return new PartialFile(path, await openNew(path), () => inUse.delete(path));
    } catch (error) {
      inUse.delete(path);
      throw error;
    }
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** The description that goes with the bytes, until both are kept. */
  get descriptionPath(): string {
    return `${this.path}.json`;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    this.#sizeBytes += bytes.length;
    for (let rest = bytes; rest.length > 0; ) {
      const { bytesWritten } = await this.#file.write(rest);
      rest = rest.subarray(bytesWritten);
    }
  }

  /** The SHA-256 of what was written in hexadecimal digits. Nothing can be written after it. */
  digest(): string {
    return this.#hash.digest('hex');
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#file.close();
      if (!this.isKept) await Promise.all([this.path, this.descriptionPath].map((path) => rm(path, { force: true })));
    } finally {
      this.#gone();
    }
  }
}

/** When a partial file was begun, milliseconds since the epoch; 0 for a name that is none of ours. */
export function begunMs(name: string): number {
  return Number(/^(\d{1,16})-/.exec(name)?.[1] ?? 0);
}
