import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { MessageLine } from './figures.ts';

/** Written at once; less costs a call to the system for each line. */
const chunkChars = 64 * 1024;

/** The file of MessageLines. */
export class MessageFile {
  readonly #stream;
  #unwritten = '';

  private constructor(path: string) {
    this.#stream = createWriteStream(path);
  }

  /** Rejects when it cannot be made. */
  static async open(path: string): Promise<MessageFile> {
    const file = new MessageFile(path);
    await once(file.#stream, 'open');
    return file;
  }

  write(line: MessageLine): void {
    this.#unwritten += `${JSON.stringify(line)}\n`;
    if (this.#unwritten.length < chunkChars) return;
    this.#stream.write(this.#unwritten);
    this.#unwritten = '';
  }

  /** Resolves when all of it is written. */
  async close(): Promise<void> {
    this.#stream.end(this.#unwritten);
    await finished(this.#stream);
  }
}
