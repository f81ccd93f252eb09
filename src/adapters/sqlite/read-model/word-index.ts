import { crc32 } from 'node:zlib';
import type { Connection } from './connection.ts';

/**
 * The words of one generation of a collection, in an FTS5 table beside its own:
 *
 *     <table>.place    when the document was made, and which of those made then: rowid of its words, so that walking the index of a word
 *                      backwards gives the newest first, from any place on, without sorting
 *     <table>.words    `<owner> <word> <word> …`: what the index has of the document, needed to take it out again; null: nothing
 *     <table>__said    a view of both, as the index is to have it: `<owner><word> <owner><word> …`
 *     <table>__words   the index. Owner and word are one term, so that nobody's search walks through what others said
 *
 * The tokenizer is `ascii`, which cuts at blanks and leaves all else as it is: what a word is, the port's caller has decided.
 * `secure-delete` takes words out of the index at once instead of marking them. With `detail = 'none'`, which would be smaller, it loses
 * others on the way (SQLite 3.53: a word that stays when its document changes is then not in the index any more).
 */

/** Documents made in one millisecond are told apart by this many bits; the others hold milliseconds until the year 2109. */
const slotBits = 21n;
const slots = 1n << slotBits;
/** The place past all others is of this order, and no document. */
const maxOrder = 2 ** 42 - 1;

/** Hexadecimal digits of an owner's checksum. Two owners may share one: rows are compared with the owner itself. */
const ownerDigits = 8;

/** The text that the index has of a document; null for one without words. */
export function indexedText(owner: string, words: readonly string[]): string | null {
  return words.length === 0 ? null : [ownerKey(owner), ...words].join(' ');
}

/** The query for documents of the owner that hold all of the words, and a word that begins with each of these beginnings. */
export function matchOf(owner: string, words: readonly string[], beginnings: readonly string[] = []): string {
  const termOf = (word: string) => `"${ownerKey(owner)}${word.replaceAll('"', '""')}"`;
  return [...words.map(termOf), ...beginnings.map((beginning) => `${termOf(beginning)} *`)].join(' AND ');
}

/** The first place of this order; of an order that no place can have, the nearest. */
export function firstPlace(order: number): bigint {
  return BigInt(Math.min(Math.max(Math.ceil(order), 0), maxOrder)) * slots;
}

/** A place for a new document: any that is free, beginning anywhere, because documents of one order are sorted when they are read. */
export function freePlace(order: unknown, id: string, isTaken: (place: bigint) => boolean): bigint {
  if (typeof order !== 'number' || !Number.isInteger(order) || order < 0 || order >= maxOrder)
    throw new TypeError(`${String(order)} is no whole number of milliseconds`);
  const first = firstPlace(order);
  for (let slot = BigInt(crc32(id)); ; slot++) {
    const place = first + (slot % slots);
    if (!isTaken(place)) return place;
  }
}

/** The order of a place. */
export function orderOf(place: bigint): number {
  return Number(place / slots);
}

/** Makes view and index of a table that has the columns. */
export function createWordIndex(connection: Connection, table: string): void {
  const { database } = connection;
  database.exec(`CREATE UNIQUE INDEX IF NOT EXISTS ${table}__place ON ${table} (place)`);
  database.exec(`CREATE VIEW IF NOT EXISTS ${table}__said AS
    SELECT place, replace(substr(words, ${ownerDigits + 1}), ' ', ' ' || substr(words, 1, ${ownerDigits})) AS words
    FROM ${table} WHERE words IS NOT NULL`);
  database.exec(`CREATE VIRTUAL TABLE IF NOT EXISTS ${table}__words USING fts5(words, content = '${table}__said',
    content_rowid = 'place', tokenize = 'ascii', detail = 'column', columnsize = 0)`);
  database.exec(`INSERT INTO ${table}__words (${table}__words, rank) VALUES ('secure-delete', 1)`);
}

export function dropWordIndex(connection: Connection, table: string): void {
  connection.database.exec(`DROP TABLE IF EXISTS ${table}__words; DROP VIEW IF EXISTS ${table}__said`);
}

/** Compares every index of words with its table. Throws what SQLite throws. */
export function checkWordIndexes(connection: Connection): void {
  const rows = connection
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB '*__words' AND rootpage = 0")
    .all();
  for (const { name } of rows) {
    connection.database.exec(`INSERT INTO ${String(name)} (${String(name)}, rank) VALUES ('integrity-check', 1)`);
  }
}

interface Change {
  readonly before: string | null;
  after: string | null;
}

/**
 * What one transaction does to the indexes, done at its end in the order of places: FTS5 begins a new segment whenever places go
 * backwards, and documents of several partitions are from the same time.
 */
export class WordChanges {
  readonly #tables = new Map<string, Map<bigint, Change>>();

  note(table: string, place: bigint, before: string | null, after: string | null): void {
    if (before === after) return;
    const changes = this.#tables.get(table) ?? new Map<bigint, Change>();
    this.#tables.set(table, changes);
    const earlier = changes.get(place);
    if (earlier === undefined) changes.set(place, { before, after });
    else earlier.after = after;
  }

  apply(connection: Connection): void {
    for (const [table, changes] of this.#tables) {
      const remove = `INSERT INTO ${table}__words (${table}__words, rowid, words) VALUES ('delete', ?, ?)`;
      const add = `INSERT INTO ${table}__words (rowid, words) VALUES (?, ?)`;
      for (const [place, { before, after }] of [...changes].sort(([left], [right]) => (left < right ? -1 : 1))) {
        if (before === after) continue;
        if (before !== null) connection.run(remove, place, termsOf(before));
        if (after !== null) connection.run(add, place, termsOf(after));
      }
    }
  }
}

/** As the view gives it. */
function termsOf(text: string): string {
  return text.slice(ownerDigits).replaceAll(' ', ` ${text.slice(0, ownerDigits)}`);
}

function ownerKey(owner: string): string {
  return crc32(owner).toString(16).padStart(ownerDigits, '0');
}
