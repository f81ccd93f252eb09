import { ReadModelReplaced, ReadModelUnavailable } from '../../../ports/read-model.ts';
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
  /** Of a writer: another file is about to be at the path. Called before any reader can find it there. */
  readonly onReplacing?: () => void;
  /** Of a writer: this is the file that it writes from now on. */
  readonly onOpened?: (inode: number) => void;
  /** For a reader: whether this is the writer's file. A foreign or removed file is ignored. */
  readonly isCurrent?: (inode: number) => boolean;
}

/** Where there is no file. */
const noInode = 0;

/** The file under its path, whichever one that is: damaged ones are renamed by the writer, and readers follow. */
export class StoreFile {
  readonly #options: FileOptions;
  #connection: Connection | null;
  #closed = false;
  /** Raised each time that a writer began with another file: in place of a damaged one, or because the one it had was taken away. */
  epoch = 0;

  /** Throws ReadModelUnavailable or ReadModelTooNew. */
  constructor(options: FileOptions) {
    this.#options = options;
    this.#connection = null;
    if (options.mode === 'write') this.#open();
  }

  get mode(): Mode {
    return this.#options.mode;
  }

  /** Works on the open file, null while there is none. Throws ReadModelUnavailable, ReadModelTooNew and what the work throws. */
  use<T>(work: (connection: Connection | null) => T): T {
    if (this.#closed) throw new ReadModelUnavailable('closed');
    try {
      if (this.mode === 'read') this.#follow();
      else this.#keepPlace();
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
    this.#options.onReplacing?.();
    this.#release();
    setAside(this.#options.path);
    this.#open();
  }

  close(): void {
    this.#closed = true;
    this.#connection?.close();
    this.#connection = null;
  }

  /** A writer whose file was removed or replaced would write to an unlinked file: it reopens the path. 1.5 µs per use. */
  #keepPlace(): void {
    // It could not be opened at first.
    if (this.#connection === null) return this.#open();
    const { database, inode } = this.#connection;
    if (database.isTransaction || inodeOf(this.#options.path) === inode) return;
    this.#options.onReplacing?.();
    this.#release();
    this.#open();
    throw new ReadModelReplaced('the file was taken away');
  }

  #release(): void {
    this.epoch++;
    this.#connection?.close();
    this.#connection = null;
  }

  #open(): void {
    this.#connection = this.#openWhole();
    this.#options.onOpened?.(this.#connection.inode);
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
    if (this.#connection === null || inode !== this.#connection.inode) {
      this.#connection?.close();
      this.#connection = null;
      this.#connection = openToRead(this.#options.path);
    }
    if (this.#options.isCurrent?.(this.#connection?.inode ?? noInode) === false)
      throw new ReadModelUnavailable('the file is about to be replaced');
  }
}
