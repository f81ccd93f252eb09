import type { Collection, Document, DocumentWrite } from '../src/ports/read-model.ts';
import type { DocumentKey, Documents } from './projection.ts';

/**
 * Documents of each collection kept in memory between batches of a partition, some 1 KB each: those of busy conversations, four times as many
 * as a partition has in processing. The others are loaded again.
 */
const maxKept = 200;

/** Position of a document that is not there: before every event. */
const nowhere = -1;

interface Held {
  readonly key: DocumentKey;
  document: Document | null;
  offset: number;
  changed: boolean;
  /** It is not in the store yet. */
  isNew: boolean;
}

/** One partition's documents in memory: loaded before a batch is folded, written after it. Several events make one write. */
export class WorkingSet implements Documents {
  readonly #collections: ReadonlyMap<
    string,
    { readonly stored: Collection<Document>; readonly held: Map<string, Held> }
  >;
  #changed: Held[] = [];

  constructor(collections: ReadonlyMap<string, Collection<Document>>) {
    this.#collections = new Map([...collections].map(([name, stored]) => [name, { stored, held: new Map() }]));
  }

  /** Loads those of the documents that are not in memory. Rejects as the store does. */
  async load(keys: Iterable<DocumentKey>): Promise<void> {
    const missing = new Map<string, Set<string>>();
    for (const { collection, id } of keys) {
      if (this.#held(collection).has(id)) continue;
      const ids = missing.get(collection) ?? new Set();
      missing.set(collection, ids.add(id));
    }
    for (const [collection, ids] of missing) {
      const found = await this.#of(collection).stored.load([...ids]);
      for (const id of ids) {
        const { document, offset } = found.get(id) ?? { document: null, offset: nowhere };
        this.#held(collection).set(id, {
          key: { collection, id },
          document,
          offset,
          changed: false,
          isNew: document === null,
        });
      }
    }
  }

  get<D extends Document>(collection: string, id: string): D | null {
    return this.#loaded(collection, id).document as D | null;
  }

  update<D extends Document>(
    collection: string,
    id: string,
    offset: number,
    project: (before: D | null) => D | null,
  ): D | null {
    const held = this.#loaded(collection, id);
    const before = held.document as D | null;
    if (held.offset >= offset) return before;
    const after = project(before);
    if (after === before) return before;
    held.document = after;
    held.offset = offset;
    this.#change(held);
    return after;
  }

  create(collection: string, id: string, offset: number, document: Document): void {
    this.#change({ key: { collection, id }, document, offset, changed: false, isNew: true });
  }

  /** What has changed since the last call. It must be stored before anything else is folded. */
  takeWrites(): readonly DocumentWrite[] {
    const writes = this.#changed.map(({ key, document, offset, isNew }) => ({ ...key, document, offset, isNew }));
    for (const held of this.#changed) {
      held.changed = false;
      held.isNew = false;
    }
    this.#changed = [];
    for (const { held } of this.#collections.values()) forgetOldest(held);
    return writes;
  }

  #change(held: Held): void {
    if (!held.changed) this.#changed.push(held);
    held.changed = true;
  }

  #loaded(collection: string, id: string): Held {
    const held = this.#held(collection).get(id);
    if (held === undefined)
      throw new Error(`${collection}/${id} is folded but not named among the documents that the event touches`);
    return held;
  }

  #held(collection: string): Map<string, Held> {
    return this.#of(collection).held;
  }

  #of(collection: string): { readonly stored: Collection<Document>; readonly held: Map<string, Held> } {
    const found = this.#collections.get(collection);
    if (found === undefined) throw new Error(`the projection has no collection ${collection}`);
    return found;
  }
}

function forgetOldest(held: Map<string, Held>): void {
  for (const id of held.keys()) {
    if (held.size <= maxKept) return;
    held.delete(id);
  }
}
