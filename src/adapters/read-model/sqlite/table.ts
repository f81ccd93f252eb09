import type { CollectionIndex, CollectionSpec, Document, PageQuery, Stored } from '../../../ports/read-model.ts';
import type { Connection } from './connection.ts';
import { StoreDamaged } from './damage.ts';
import { checksumOf, sealTables } from './meta.ts';

/** A row: the document as JSON text, and beside it the fields that indexes need. */
interface Row {
  readonly id: string;
  readonly position: number;
  readonly checksum: number;
  readonly document: string;
}

type Value = string | number;

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
    this.#fields = [...new Set(Object.values(spec.indexes).flatMap((index) => fieldsOf(index)))];
    const columns = ['position', 'checksum', 'document', ...this.#fields.map(columnOf)];
    const constant: readonly string[] = (spec.constant ?? []).map(columnOf);
    const changing = columns.filter((column) => !constant.includes(column));
    this.#upsert = `INSERT INTO ${this.#name} (id, ${columns.join(', ')}) VALUES (?${', ?'.repeat(columns.length)})
      ON CONFLICT (id) DO UPDATE SET ${changing.map((column) => `${column} = excluded.${column}`).join(', ')}
      WHERE excluded.position > position`;
  }

  create(connection: Connection): void {
    const columns = this.#fields.map((field) => `, ${columnOf(field)}`).join('');
    // Rows in the order of writing, ids in an index: ids are random, and a page of the table would be touched for each.
    connection.database.exec(`CREATE TABLE IF NOT EXISTS ${this.#name}
      (row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, position INTEGER, checksum INTEGER, document TEXT${columns})`);
    for (const [name, index] of Object.entries(this.#spec.indexes)) {
      const indexed = fieldsOf(index).map(columnOf);
      connection.database.exec(`CREATE INDEX IF NOT EXISTS ${this.#indexName(name)}
        ON ${this.#name} (${indexed.join(', ')}, id) WHERE ${indexed.map((column) => `${column} IS NOT NULL`).join(' AND ')}`);
    }
    sealTables(connection);
  }

  write(connection: Connection, id: string, position: number, document: Document): void {
    const text = JSON.stringify(document);
    const fields = this.#fields.map((field) => indexedValue(document, field));
    connection.prepare(this.#upsert).run(id, position, checksumOfRow(id, position, text), text, ...fields);
  }

  remove(connection: Connection, id: string, position: number): void {
    connection.prepare(`DELETE FROM ${this.#name} WHERE id = ? AND position < ?`).run(id, position);
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
  connection.database.exec(`DROP TABLE IF EXISTS ${tableName(collection, generation)}`);
  sealTables(connection);
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
