/**
 * Finds frames in the bytes of log.db and log.db-wal without SQLite: in pages that a damaged tree no longer leads to,
 * and in WAL frames that SQLite drops after a damaged one. A frame within one page stands there in one piece. A longer
 * one begins in a page and goes on in a chain of overflow pages (https://sqlite.org/fileformat2.html, sections 1.6 and
 * 4.1), each in the database or somewhere in the WAL.
 *
 * Limits: a frame is found only when its every byte is whole; a chain only when all its pages are where the page
 * numbers lead; and what is found may be a record whose append was refused (a rolled back transaction leaves its bytes
 * behind).
 */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { frameHeaderBytes, frameLength, frameMagic, isWholeFrame, maxFrameBytes } from './frame.ts';
import { pageBytes } from './limits.ts';
import { logFiles } from './schema.ts';

const walHeaderBytes = 32;
const walFrameHeaderBytes = 24;
const overflowLinkBytes = 4;
/** Bytes searched at once. */
const chunkBytes = 4 * 1_024 * 1_024;

const magic = Buffer.alloc(4);
magic.writeUInt32LE(frameMagic);

/** Whether a frame whose fixed fields are these is wanted: asked before its checksum is computed. */
export type Wanted = (header: Buffer) => boolean;

/**
 * Every whole frame in the log's files, in no order and more than once where there are several copies. `onBytes` is
 * told how far it is.
 */
export function* scanFrames(
  folder: string,
  wanted: Wanted,
  onBytes: (done: number, total: number) => void,
): Generator<Buffer> {
  using source = new PageSource(folder);
  let before = 0;
  for (const file of source.files) {
    for (let start = 0; start < file.byteLength; start += chunkBytes) {
      // A frame that begins near the end of the chunk is read with what follows it.
      const chunk = file.read(start, chunkBytes + pageBytes);
      yield* framesIn(chunk, Math.min(chunkBytes, chunk.length), source, wanted);
      onBytes(before + Math.min(start + chunkBytes, file.byteLength), source.byteLength);
    }
    before += file.byteLength;
  }
}

function* framesIn(chunk: Buffer, end: number, source: PageSource, wanted: Wanted): Generator<Buffer> {
  for (let start = chunk.indexOf(magic); start >= 0 && start < end; start = chunk.indexOf(magic, start + 1)) {
    if (start + frameHeaderBytes > chunk.length || !wanted(chunk.subarray(start, start + frameHeaderBytes))) continue;
    const length = frameLength(chunk, start);
    if (length < frameHeaderBytes || length > maxFrameBytes) continue;
    const frame = isLocal(length) ? chunk.subarray(start, start + length) : source.assemble(chunk, start, length);
    if (frame !== undefined && isWholeFrame(frame)) yield Buffer.from(frame);
  }
}

/**
 * Bytes of the SQLite record that holds a frame, before the frame: its own length, the row id's type (NULL), the blob's
 * type.
 */
function recordHeaderBytes(length: number): number {
  let blobType = 2 * length + 12;
  let bytes = 3;
  while (blobType > 0x7f) {
    blobType = Math.floor(blobType / 0x80);
    bytes += 1;
  }
  return bytes;
}

function isLocal(length: number): boolean {
  return length + recordHeaderBytes(length) <= pageBytes - 35;
}

/** How many of a long frame's bytes stand in the page it begins in (file format, section 1.6: K and M). */
function localBytes(length: number): number {
  const payload = length + recordHeaderBytes(length);
  const least = Math.floor(((pageBytes - 12) * 32) / 255) - 23;
  const most = least + ((payload - least) % (pageBytes - overflowLinkBytes));
  return (most <= pageBytes - 35 ? most : least) - recordHeaderBytes(length);
}

class SourceFile implements Disposable {
  readonly byteLength: number;
  readonly #handle: number;

  constructor(path: string) {
    this.#handle = openSync(path, 'r');
    this.byteLength = fstatSync(this.#handle).size;
  }

  read(start: number, length: number): Buffer {
    const buffer = Buffer.alloc(Math.max(0, Math.min(length, this.byteLength - start)));
    return buffer.subarray(0, readSync(this.#handle, buffer, 0, buffer.length, start));
  }

  [Symbol.dispose](): void {
    closeSync(this.#handle);
  }
}

/** The pages of database and WAL, by number. */
class PageSource implements Disposable {
  readonly files: readonly SourceFile[];
  readonly #database: SourceFile | undefined;
  readonly #wal: SourceFile | undefined;
  /** Where the last copy of each page is in the WAL. */
  readonly #inWal = new Map<number, number>();

  constructor(folder: string) {
    const { database, wal } = logFiles(folder);
    this.#database = existsSync(database) ? new SourceFile(database) : undefined;
    this.#wal = existsSync(wal) ? new SourceFile(wal) : undefined;
    this.files = [this.#database, this.#wal].filter((file) => file !== undefined);
    this.#indexWal();
  }

  get byteLength(): number {
    return this.files.reduce((sum, file) => sum + file.byteLength, 0);
  }

  /** Puts a frame together that goes on in overflow pages: from the WAL's copies first, then from the database's. */
  assemble(chunk: Buffer, start: number, length: number): Buffer | undefined {
    const local = localBytes(length);
    if (start + local + overflowLinkBytes > chunk.length) return undefined;
    const head = chunk.subarray(start, start + local);
    const firstPage = chunk.readUInt32BE(start + local);
    for (const preferWal of [true, false]) {
      const frame = this.#follow(head, firstPage, length, preferWal);
      if (frame !== undefined && isWholeFrame(frame)) return frame;
    }
    return undefined;
  }

  [Symbol.dispose](): void {
    for (const file of this.files) file[Symbol.dispose]();
  }

  #follow(head: Buffer, firstPage: number, length: number, preferWal: boolean): Buffer | undefined {
    const parts = [head];
    let missing = length - head.length;
    for (let number = firstPage; missing > 0; ) {
      const page = this.#page(number, preferWal);
      if (page.length < pageBytes) return undefined;
      const part = page.subarray(overflowLinkBytes, overflowLinkBytes + missing);
      parts.push(part);
      missing -= part.length;
      number = page.readUInt32BE(0);
    }
    return Buffer.concat(parts);
  }

  #page(number: number, preferWal: boolean): Buffer {
    const inWal = this.#inWal.get(number);
    const inDatabase = this.#database?.read((number - 1) * pageBytes, pageBytes) ?? Buffer.alloc(0);
    if (inWal === undefined || this.#wal === undefined) return inDatabase;
    return preferWal || inDatabase.length < pageBytes ? this.#wal.read(inWal, pageBytes) : inDatabase;
  }

  #indexWal(): void {
    if (this.#wal === undefined) return;
    const step = walFrameHeaderBytes + pageBytes;
    for (let start = walHeaderBytes; start + step <= this.#wal.byteLength; start += step) {
      this.#inWal.set(this.#wal.read(start, overflowLinkBytes).readUInt32BE(0), start + walFrameHeaderBytes);
    }
  }
}
