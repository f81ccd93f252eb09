import { createHash, randomUUID } from 'node:crypto';
import { closeSync, rmSync, write, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openNew, sync } from './durable-files.ts';
import { maxWriteAtOnceBytes } from './limits.ts';

const writeElsewhere = promisify(write);

/** The bytes received of an object, hashed as they arrive. The file has no owner until it is kept; dispose removes it otherwise. */
export class PartialFile implements Disposable {
  readonly path: string;
  /** Its bytes and its description have names of their own now. */
  isKept = false;
  readonly #file: number;
  readonly #gone: () => void;
  readonly #hash = createHash('sha256');
  #sizeBytes = 0;

  private constructor(path: string, file: number, gone: () => void) {
    this.path = path;
    this.#file = file;
    this.#gone = gone;
  }

  /** A new one, named by when it was begun. `gone` is told its path when it is no longer in use. */
  static begin(folder: string, nowMs: number, inUse: Set<string>): PartialFile {
    const path = join(folder, `${nowMs}-${randomUUID()}`);
    inUse.add(path);
    try {
      return new PartialFile(path, openNew(path), () => inUse.delete(path));
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
      const isLittle = rest.length <= maxWriteAtOnceBytes;
      rest = rest.subarray(
        isLittle ? writeSync(this.#file, rest) : (await writeElsewhere(this.#file, rest)).bytesWritten,
      );
    }
  }

  /** The SHA-256 of what was written in hexadecimal digits. Nothing can be written after it. */
  digest(): string {
    return this.#hash.digest('hex');
  }

  sync(): Promise<void> {
    return sync(this.#file);
  }

  [Symbol.dispose](): void {
    try {
      closeSync(this.#file);
      if (!this.isKept) for (const path of [this.path, this.descriptionPath]) rmSync(path, { force: true });
    } finally {
      this.#gone();
    }
  }
}

/** When a partial file was begun, milliseconds since the epoch; 0 for a name that is none of ours. */
export function begunMs(name: string): number {
  return Number(/^(\d{1,16})-/.exec(name)?.[1] ?? 0);
}
