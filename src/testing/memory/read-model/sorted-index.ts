import type { CollectionIndex, Document, Place } from '../../../ports/read-model.ts';

/** A document and its place in an index. */
export interface Entry extends Place {
  readonly document: Document;
}

type Value = string | number;

/** Documents by the values of their equality fields, those of equal values in order. One that lacks a field is not in it. */
export class SortedIndex {
  readonly #index: CollectionIndex<never>;
  readonly #entries = new Map<string, Entry[]>();

  constructor(index: CollectionIndex<never>) {
    this.#index = index;
  }

  add(id: string, document: Document): void {
    const found = this.#placed(id, document);
    if (found === undefined) return;
    const { key, order } = found;
    const entries = this.#entries.get(key) ?? [];
    this.#entries.set(key, entries);
    entries.splice(firstPast(entries, { order, id }, comparePlaces), 0, { order, id, document });
  }

  remove(id: string, document: Document): void {
    const found = this.#placed(id, document);
    const entries = found && this.#entries.get(found.key);
    if (found === undefined || entries === undefined) return;
    entries.splice(firstPast(entries, { order: found.order, id }, comparePlaces) - 1, 1);
    if (entries.length === 0) this.#entries.delete(found.key);
  }

  /** All documents with these values, in order; ids of one order by code points. */
  entries(equals: readonly Value[]): readonly Entry[] {
    return this.#entries.get(keyOf(equals)) ?? [];
  }

  #placed(id: string, document: Document): { readonly key: string; readonly order: Value } | undefined {
    const values: Value[] = [];
    for (const field of [...this.#index.equals, this.#index.order]) {
      const value = (document as Readonly<Record<string, unknown>>)[field];
      if (value === undefined || value === null) return undefined;
      if (typeof value !== 'string' && typeof value !== 'number')
        throw new TypeError(`${field} of ${id} is indexed and must be a string or a number`);
      values.push(value);
    }
    return { order: values.pop() as Value, key: keyOf(values) };
  }
}

/** How many entries, which are in order, are not past this place. */
export function firstPast(
  entries: readonly Place[],
  place: Place,
  compare: (left: Place, right: Place) => number,
): number {
  let [from, to] = [0, entries.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (compare(entries[middle] as Place, place) > 0) to = middle;
    else from = middle + 1;
  }
  return from;
}

export function comparePlaces(left: Place, right: Place): number {
  if (left.order === right.order) return compareTexts(left.id, right.id);
  if (typeof left.order === 'string' && typeof right.order === 'string') return compareTexts(left.order, right.order);
  return left.order < right.order ? -1 : 1;
}

/** By code points, as databases do. */
export function compareTexts(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const [one, other] = [left.charCodeAt(index), right.charCodeAt(index)];
    if (one !== other) return aboveOthers(one) - aboveOthers(other);
  }
  return left.length - right.length;
}

/** Halves of code points beyond 16 bits stand in the midst of those within. */
function aboveOthers(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x1_0000 : unit;
}

function keyOf(equals: readonly Value[]): string {
  return JSON.stringify(equals);
}
