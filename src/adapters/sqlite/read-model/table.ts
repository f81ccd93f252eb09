import type {
  CollectionIndex,
  CollectionSpec,
  Document,
  PageQuery,
  Place,
  SearchIndex,
  SearchQuery,
  Stored,
} from '../../../ports/read-model.ts';
import type { Connection } from './connection.ts';
import { StoreDamaged } from './damage.ts';
import { alterTables, checksumOf } from './meta.ts';
import {
  createWordIndex,
  dropWordIndex,
  firstPlace,
  freePlace,
  indexedText,
  matchOf,
  orderOf,
  type WordChanges,
} from './word-index.ts';

/** A row: the document as JSON text, and beside it the fields that indexes need. */
interface Row {
  readonly id: string;
  readonly position: number;
  readonly checksum: number;
  readonly document: string;
}

interface FoundRow {
  readonly found: bigint;
  readonly id: string | null;
  readonly position: bigint;
  readonly checksum: bigint;
  readonly document: string;
}

interface Hit<D> {
  readonly id: string;
  readonly place: bigint;
  readonly order: number;
  readonly document: D;
}

/** What the index of words has of a document. */
interface Searched {
  readonly position: bigint;
  readonly place: bigint;
  readonly words: string | null;
}

type Value = string | number;

const pastAllPlaces = firstPlace(Number.POSITIVE_INFINITY);

const rowColumns = 'id, position, checksum, document';

/** The table of one generation of a collection. All methods throw what SQLite throws, and StoreDamaged. */
export class Table<D extends Document> {
  readonly #spec: CollectionSpec<D>;
  readonly #name: string;
  readonly #fields: readonly string[];
  readonly #upsert: string;

  constructor(spec: CollectionSpec<D>, generation: number) {
    this.#spec = spec;
    this.#name = tableName(spec.name, generation);
    const searched = spec.search === undefined ? [] : [spec.search.equals];
    this.#fields = [...new Set([...Object.values(spec.indexes).flatMap((index) => fieldsOf(index)), ...searched])];
    const ofSearch = spec.search === undefined ? [] : ['place', 'words'];
    const columns = ['position', 'checksum', 'document', ...this.#fields.map(columnOf), ...ofSearch];
    const constant: readonly string[] = [...(spec.constant ?? []).map(columnOf), 'place'];
    const changing = columns.filter((column) => !constant.includes(column));
    this.#upsert = `INSERT INTO ${this.#name} (id, ${columns.join(', ')}) VALUES (?${', ?'.repeat(columns.length)})
      ON CONFLICT (id) DO UPDATE SET ${changing.map((column) => `${column} = excluded.${column}`).join(', ')}
      WHERE excluded.position > position`;
  }

  create(connection: Connection): void {
    alterTables(connection, () => this.#define(connection));
  }

  #define(connection: Connection): void {
    const ofSearch = this.#spec.search === undefined ? '' : ', place INTEGER, words TEXT';
    const columns = this.#fields.map((field) => `, ${columnOf(field)}`).join('') + ofSearch;
    // Rows in the order of writing, ids in an index: ids are random, and a page of the table would be touched for each.
    connection.database.exec(`CREATE TABLE IF NOT EXISTS ${this.#name}
      (row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, position INTEGER, checksum INTEGER, document TEXT${columns})`);
    for (const [name, index] of Object.entries(this.#spec.indexes)) {
      const indexed = fieldsOf(index).map(columnOf);
      connection.database.exec(`CREATE INDEX IF NOT EXISTS ${this.#indexName(name)}
        ON ${this.#name} (${indexed.join(', ')}, id) WHERE ${indexed.map((column) => `${column} IS NOT NULL`).join(' AND ')}`);
    }
    if (this.#spec.search !== undefined) createWordIndex(connection, this.#name);
  }

  /** Unless the document is not before this position. Its words are in the index once the changes are applied. */
  write(connection: Connection, id: string, position: number, document: Document, changes: WordChanges): void {
    const { search } = this.#spec;
    const text = JSON.stringify(document);
    const fields = this.#fields.map((field) => indexedValue(document, field));
    const row = [id, position, checksumOfRow(id, position, text), text, ...fields];
    if (search === undefined) {
      connection.run(this.#upsert, ...row);
      return;
    }
    const known = this.#searched(connection, id);
    if (known !== undefined && known.position >= position) return;
    const words = textToIndex(search, document as D);
    const place = known?.place ?? this.#freePlace(connection, id, (document as D)[search.order]);
    connection.run(this.#upsert, ...row, place, words);
    changes.note(this.#name, place, known?.words ?? null, words);
  }

  /** Unless the document is not before this position. */
  remove(connection: Connection, id: string, position: number, changes: WordChanges): void {
    const known = this.#spec.search && this.#searched(connection, id);
    if (known !== undefined && known.position < position) changes.note(this.#name, known.place, known.words, null);
    connection.run(`DELETE FROM ${this.#name} WHERE id = ? AND position < ?`, id, position);
  }

  get(connection: Connection, id: string): Stored<D> | null {
    const row = connection.prepare(`SELECT ${rowColumns} FROM ${this.#name} WHERE id = ?`).get(id);
    return row === undefined ? null : this.#read(row);
  }

  page(connection: Connection, { index: name, equals, after, descending = false, limit }: PageQuery): readonly D[] {
    const index = this.#index(name);
    const order = columnOf(index.order);
    const past =
      after === undefined
        ? `${order} IS NOT NULL`
        : `(${order}, id) ${descending ? '<' : '>'} (?, ?) AND ${order} IS NOT NULL`;
    const direction = descending ? 'DESC' : 'ASC';
    const rows = connection
      .prepare(`SELECT ${rowColumns} FROM ${this.#name} INDEXED BY ${this.#indexName(name)}
        WHERE ${equalTo(index)}${past} ORDER BY ${order} ${direction}, id ${direction} LIMIT ?`)
      .all(...equals, ...(after === undefined ? [] : [after.order, after.id]), limit);
    return rows.map((row) => this.#read(row).document);
  }

  /**
   * Newest first; those of one time by id. The index is not in that order, so all documents of a time are read; where times differ, one extra document
   * ends it.
   */
  search(connection: Connection, { equals, words, beginnings, after, limit }: SearchQuery): readonly D[] {
    const match = matchOf(equals, words, beginnings);
    const hits: Hit<D>[] = [];
    let below = after === undefined ? pastAllPlaces : firstPlace(Math.floor(Number(after.order)) + 1);
    for (let atMost = limit + 1; ; atMost *= 2) {
      const found = this.#found(connection, match, equals, below, atMost);
      const last = found.at(-1);
      hits.push(...(after === undefined ? found : found.filter((hit) => isPast(hit, after))));
      if (last === undefined || found.length < atMost) break;
      if (hits.filter(({ order }) => order > last.order).length >= limit) break;
      below = last.place;
    }
    return hits
      .sort((left, right) => right.order - left.order || compareIds(right.id, left.id))
      .slice(0, limit)
      .map(({ document }) => document);
  }

  scan(connection: Connection, afterId: string, limit: number): readonly Stored<D>[] {
    const rows = connection
      .prepare(`SELECT ${rowColumns} FROM ${this.#name} WHERE id > ? ORDER BY id LIMIT ?`)
      .all(afterId, limit);
    return rows.map((row) => this.#read(row));
  }

  count(connection: Connection, name: string, equals: readonly Value[]): number {
    const index = this.#index(name);
    const row = connection
      .prepare(`SELECT count(*) AS found FROM ${this.#name} INDEXED BY ${this.#indexName(name)}
        WHERE ${equalTo(index)}${columnOf(index.order)} IS NOT NULL`)
      .get(...equals);
    return Number(row?.['found']);
  }

  sum(connection: Connection, name: string, equals: readonly Value[], field: keyof D & string): number {
    const index = this.#index(name);
    const row = connection
      .prepare(`SELECT total(json_extract(document, ?)) AS found FROM ${this.#name} INDEXED BY ${this.#indexName(name)}
        WHERE ${equalTo(index)}${columnOf(index.order)} IS NOT NULL`)
      .get(`$."${field}"`, ...equals);
    return Number(row?.['found']);
  }

  /** The documents at the last places before this one, backwards. */
  #found(connection: Connection, match: string, owner: string, below: bigint, limit: number): readonly Hit<D>[] {
    const index = `${this.#name}__words`;
    const ownerColumn = columnOf(this.#search.equals);
    const statement = connection.prepare(`SELECT ${index}.rowid AS found, ${rowColumns}
      FROM ${index} LEFT JOIN ${this.#name} ON place = ${index}.rowid
      WHERE ${index} MATCH ? AND ${index}.rowid < ? AND (${ownerColumn} = ? OR id IS NULL)
      ORDER BY ${index}.rowid DESC LIMIT ?`);
    statement.setReadBigInts(true);
    return statement.all(match, below, owner, limit).map((row) => {
      const { found, id, position, checksum, document } = row as unknown as FoundRow;
      if (id === null) throw new StoreDamaged(`${this.#spec.name} has words of a document that is not there`);
      const stored = this.#read({ id, position: Number(position), checksum: Number(checksum), document });
      return { id, place: found, order: orderOf(found), document: stored.document };
    });
  }

  /** What the index has of a document. */
  #searched(connection: Connection, id: string): Searched | undefined {
    const statement = connection.prepare(`SELECT position, place, words FROM ${this.#name} WHERE id = ?`);
    statement.setReadBigInts(true);
    return statement.get(id) as Searched | undefined;
  }

  #freePlace(connection: Connection, id: string, order: unknown): bigint {
    const taken = connection.prepare(`SELECT 1 FROM ${this.#name} WHERE place = ?`);
    return freePlace(order, id, (place) => taken.get(place) !== undefined);
  }

  get #search(): SearchIndex<D> {
    const { search, name } = this.#spec;
    if (search === undefined) throw new RangeError(`${name} is not searched`);
    return search;
  }

  #read(row: object): Stored<D> {
    const { id, position, checksum, document } = row as Row;
    if (checksumOfRow(id, position, document) !== checksum)
      throw new StoreDamaged(`checksum of ${this.#spec.name}/${id}`);
    return { id, document: JSON.parse(document) as D, offset: position };
  }

  #index(name: string): CollectionIndex<D> {
    const index = this.#spec.indexes[name];
    if (index === undefined) throw new Error(`${this.#spec.name} has no index ${name}`);
    return index;
  }

  #indexName(name: string): string {
    return `${this.#name}_${name}`;
  }
}

/** The table's name: model and collection names are the program's own, never a user's. */
function tableName(collection: string, generation: number): string {
  return `${collection}_g${generation}`;
}

export function dropTable(connection: Connection, collection: string, generation: number): void {
  const name = tableName(collection, generation);
  alterTables(connection, () => {
    dropWordIndex(connection, name);
    connection.database.exec(`DROP TABLE IF EXISTS ${name}`);
  });
}

function textToIndex<D extends Document>(search: SearchIndex<D>, document: D): string | null {
  const owner = document[search.equals];
  return typeof owner === 'string' ? indexedText(owner, search.words(document)) : null;
}

function isPast({ order, id }: Hit<unknown>, after: Place): boolean {
  return order < Number(after.order) || (order === after.order && compareIds(id, after.id) < 0);
}

/** By code points, as SQLite compares texts. */
function compareIds(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

function checksumOfRow(id: string, position: number, text: string): number {
  return checksumOf(`${position} ${id}`, text);
}

function fieldsOf(index: CollectionIndex<never>): readonly string[] {
  return [...index.equals, index.order];
}

function columnOf(field: string): string {
  return `f_${field}`;
}

function equalTo(index: CollectionIndex<never>): string {
  return index.equals.map((field) => `${columnOf(field)} = ? AND `).join('');
}

function indexedValue(document: Document, field: string): Value | null {
  const value = (document as Readonly<Record<string, unknown>>)[field];
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' || typeof value === 'number') return value;
  throw new TypeError(`${field} is indexed and must be a string or a number`);
}
