import { ReadModelUnavailable } from '../../../ports/read-model.ts';
import type { Connection } from './connection.ts';
import { mapSqliteError, StoreDamaged, setAside } from './damage.ts';
import { definitionDamage } from './meta.ts';
import { inodeOf, type Mode, openToRead, openToWrite } from './open-file.ts';

export interface FileOptions {
  /** The file; its folder must be there. */
  readonly path: string;
  /** One handle writes, in whichever thread or process; any number read. A reader may come before the file is there: it finds nothing. */
  readonly mode: Mode;
  /** The file was found damaged. A writer has replaced it by then; a reader's writer is to be told, `replaceDamaged` with this inode. */
  readonly onDamaged?: (inode: number, what: string) => void;
}

/** The file under its path, whichever one that is: damaged ones are renamed by the writer, and readers follow. */
export class StoreFile {
  readonly #options: FileOptions;
  #connection: Connection | null;
  #closed = false;
  /** Raised each time that a writer began a new file in place of a damaged one. */
  epoch = 0;

  /** Throws ReadModelUnavailable or ReadModelTooNew. */
  constructor(options: FileOptions) {
    this.#options = options;
    this.#connection = options.mode === 'write' ? this.#openWhole() : null;
  }

  get mode(): Mode {
    return this.#options.mode;
  }

  /** Works on the open file, null while there is none. Throws ReadModelUnavailable, ReadModelTooNew and what the work throws. */
  use<T>(work: (connection: Connection | null) => T): T {
    if (this.#closed) throw new ReadModelUnavailable('closed');
    try {
      if (this.mode === 'read') this.#follow();
      return work(this.#connection);
    } catch (error) {
      const cause = this.#connection === null ? error : definitionDamage(this.#connection, error);
      const mapped = mapSqliteError(cause);
      if (!(mapped instanceof StoreDamaged)) throw mapped;
      const inode = this.#connection?.inode ?? inodeOf(this.#options.path) ?? 0;
      this.replaceDamaged(inode);
      this.#options.onDamaged?.(inode, mapped.message);
      throw new ReadModelUnavailable(`damaged: ${mapped.message}`, { cause: mapped });
    }
  }

  /** Renames the file and begins a new one, if it is still the one meant. Only a writer does; for a reader nothing changes until then. */
  replaceDamaged(inode: number): void {
    if (this.mode === 'read' || this.#closed || this.#connection?.inode !== inode) return;
    this.#connection.close();
    setAside(this.#options.path);
    this.#connection = openToWrite(this.#options.path);
    this.epoch++;
  }

  close(): void {
    this.#closed = true;
    this.#connection?.close();
    this.#connection = null;
  }

  #openWhole(): Connection {
    try {
      return openToWrite(this.#options.path);
    } catch (error) {
      if (!(error instanceof StoreDamaged)) throw error;
      this.#options.onDamaged?.(inodeOf(this.#options.path) ?? 0, error.message);
      setAside(this.#options.path);
      return openToWrite(this.#options.path);
    }
  }

  /** A reader turns to the file that now has the name: 1.5 µs a read. */
  #follow(): void {
    const inode = inodeOf(this.#options.path);
    if (this.#connection !== null && inode === this.#connection.inode) return;
    this.#connection?.close();
    this.#connection = null;
    this.#connection = openToRead(this.#options.path);
  }
}
