import type {
  CollectionIndex,
  CollectionSpec,
  Document,
  DocumentWrite,
  PageQuery,
  SearchIndex,
  SearchQuery,
  Stored,
} from '../../../ports/read-model.ts';
import { frozenDocument } from './frozen-document.ts';
import { comparePlaces, compareTexts, type Entry, firstPast, SortedIndex } from './sorted-index.ts';

/** Of a removed document its position is kept: what a writer that was held up still sends must not bring it back. */
interface Row {
  readonly document: Document | null;
  readonly offset: number;
}

type Spec = CollectionSpec<never>;

/** One generation of a collection. Its documents are frozen, and given to readers as they are. */
export class MemoryTable {
  readonly #rows: Map<string, Row>;
  /** Made when they are first asked for. */
  readonly #indexes = new Map<string, SortedIndex>();
  /** Ids in order; undefined: to be sorted anew. */
  #ids: readonly string[] | undefined;
  readonly #words = new WeakMap<Document, ReadonlySet<string>>();

  constructor(rows: Iterable<readonly [string, Row]> = []) {
    this.#rows = new Map(rows);
  }

  /** Another with the same documents. */
  copy(): MemoryTable {
    return new MemoryTable(this.#rows);
  }

  /** Unless the stored document is not before its position. */
  write({ id, document, offset }: DocumentWrite): void {
    const before = this.#rows.get(id);
    if (before !== undefined && before.offset >= offset) return;
    const after = document === null ? null : frozenDocument(document);
    this.#rows.set(id, { document: after, offset });
    if ((before?.document ?? null) === null || after === null) this.#ids = undefined;
    for (const index of this.#indexes.values()) {
      if (before?.document) index.remove(id, before.document);
      if (after !== null) index.add(id, after);
    }
  }

  stored(id: string): Stored<Document> | undefined {
    const row = this.#rows.get(id);
    return row === undefined || row.document === null ? undefined : { id, document: row.document, offset: row.offset };
  }

  page(spec: Spec, { index, equals, after, descending = false, limit }: PageQuery): readonly Document[] {
    const entries = this.#named(spec, index).entries(equals);
    if (!descending) {
      const start = after === undefined ? 0 : firstPast(entries, after, comparePlaces);
      return entries.slice(start, start + limit).map(({ document }) => document);
    }
    const end = after === undefined ? entries.length : countBefore(entries, after);
    return entries
      .slice(Math.max(0, end - limit), end)
      .map(({ document }) => document)
      .reverse();
  }

  count(spec: Spec, index: string, equals: readonly (string | number)[]): number {
    return this.#named(spec, index).entries(equals).length;
  }

  sum(spec: Spec, index: string, equals: readonly (string | number)[], field: string): number {
    const values = this.#named(spec, index)
      .entries(equals)
      .map(({ document }) => (document as Readonly<Record<string, unknown>>)[field]);
    return values.reduce((sum: number, value) => (typeof value === 'number' ? sum + value : sum), 0);
  }

  /** `search`: as the spec has it. */
  search(
    search: SearchIndex<never>,
    { equals, words, beginnings = [], after, limit }: SearchQuery,
  ): readonly Document[] {
    const entries = this.#index(' search', { equals: [search.equals], order: search.order }).entries([equals]);
    const found: Document[] = [];
    const place = after && { order: Number(after.order), id: after.id };
    for (let next = place === undefined ? entries.length : countBefore(entries, place); next > 0; next--) {
      if (found.length >= limit) break;
      const { document } = entries[next - 1] as Entry;
      const has = this.#wordsOf(search, document);
      if (words.every((word) => has.has(word)) && beginnings.every((beginning) => hasBeginning(has, beginning)))
        found.push(document);
    }
    return found;
  }

  scan(afterId: string, limit: number): readonly Stored<Document>[] {
    const ids = this.ids();
    const start = afterId === '' ? 0 : ids.findIndex((id) => compareTexts(id, afterId) > 0);
    return start === -1 ? [] : ids.slice(start, start + limit).flatMap((id) => this.stored(id) ?? []);
  }

  /** Of all documents, in order of code points. */
  ids(): readonly string[] {
    this.#ids ??= [...this.#rows.keys()].filter((id) => this.stored(id) !== undefined).sort(compareTexts);
    return this.#ids;
  }

  #named(spec: Spec, name: string): SortedIndex {
    const index = spec.indexes[name];
    if (index === undefined) throw new Error(`${spec.name} has no index ${name}`);
    return this.#index(name, index);
  }

  #index(name: string, index: CollectionIndex<never>): SortedIndex {
    const known = this.#indexes.get(name);
    if (known !== undefined) return known;
    const made = new SortedIndex(index);
    for (const [id, { document }] of this.#rows) if (document !== null) made.add(id, document);
    this.#indexes.set(name, made);
    return made;
  }

  #wordsOf(search: SearchIndex<never>, document: Document): ReadonlySet<string> {
    const known = this.#words.get(document);
    if (known !== undefined) return known;
    const words = new Set(search.words(document as never));
    this.#words.set(document, words);
    return words;
  }
}

function hasBeginning(words: ReadonlySet<string>, beginning: string): boolean {
  for (const word of words) if (word.startsWith(beginning)) return true;
  return false;
}

/** How many entries are strictly before this place. */
function countBefore(
  entries: readonly Entry[],
  place: { readonly order: string | number; readonly id: string },
): number {
  const past = firstPast(entries, place, comparePlaces);
  const last = entries[past - 1];
  return last !== undefined && comparePlaces(last, place) === 0 ? past - 1 : past;
}
