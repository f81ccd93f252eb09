import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  type CollectionSpec,
  ReadModelReplaced,
  ReadModelTooNew,
  ReadModelUnavailable,
} from '../../../ports/read-model.ts';
import { seededRandom, testSeeds } from '../../../testing/random.ts';
import { storedCollectionVersions } from './generations.ts';
import { writeMeta } from './meta.ts';
import { openToWrite } from './open-file.ts';
import { openSqliteReadModels, type SqliteReadModels } from './store.ts';

interface Note {
  readonly owner: string;
  readonly rank: number;
  readonly text: string;
}

const notes: CollectionSpec<Note> = {
  name: 'notes',
  model: 'notebook',
  version: 1,
  indexes: { byOwner: { equals: ['owner'], order: 'rank' } },
  search: { equals: 'owner', order: 'rank', words: ({ text }) => text.split(' ') },
};

const documents = 60;

/** Of an SQLite file: what it is, its page size, how it is to be written. */
const headerBytes = 100;

const checkpoint = { model: 'notebook', topic: 'events', partition: 0, offset: documents, state: null };

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-damage-'));
  path = join(folder, 'read-models.db');
});
afterEach(() => rm(folder, { recursive: true }));

function note(rank: number): Note {
  return { owner: 'ann', rank, text: `words of note ${rank}` };
}

/** What a projector does: everything from the checkpoint on, again after the store began anew. */
async function fill(store: SqliteReadModels): Promise<void> {
  await repeated(async () => {
    store.collection(notes);
    const { offset } = await store.checkpoint('notebook', 'events', 0);
    const missing = Array.from({ length: documents - offset }, (_, index) => offset + index);
    const writes = missing.map((rank) => ({
      collection: 'notes',
      id: `note-${rank}`,
      offset: rank,
      document: note(rank),
    }));
    await store.apply(writes, [checkpoint]);
  });
}

/** Every document by page, by id and by its words, once the store stands still. */
function readAll(store: SqliteReadModels) {
  return repeated(async () => {
    await fill(store);
    const collection = store.collection(notes);
    const paged = await collection.page({ index: 'byOwner', equals: ['ann'], limit: 2 * documents });
    const scanned = (await collection.scan('', 2 * documents)).map(({ document }) => document);
    const found = await collection.search({ equals: 'ann', words: ['of', 'words'], limit: 2 * documents });
    const each = whole.map(({ rank }) => collection.search({ equals: 'ann', words: [String(rank)], limit: 2 }));
    return { paged, scanned, found, each: (await Promise.all(each)).flat() };
  });
}

async function repeated<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const isPassing = error instanceof ReadModelReplaced || error instanceof ReadModelUnavailable;
      if (!isPassing || attempt === 5) throw error;
    }
  }
}

async function makeWhole(): Promise<void> {
  await using store = openSqliteReadModels({ path, mode: 'write' });
  await fill(store);
}

const whole = Array.from({ length: documents }, (_, rank) => note(rank));
const byRank = (left: Note, right: Note) => left.rank - right.rank;

test('a reader that comes before the file finds nothing, then what was written', async () => {
  await using reader = openSqliteReadModels({ path, mode: 'read' });
  const collection = reader.collection(notes);
  expect(await collection.get('note-1')).toBeNull();
  expect(await collection.page({ index: 'byOwner', equals: ['ann'], limit: 1 })).toEqual([]);
  expect(await reader.checkpoint('notebook', 'events', 0)).toMatchObject({ offset: 0 });
  await makeWhole();
  expect(await collection.get('note-1')).toEqual(note(1));
});

describe('a file that is damaged when it is opened is set aside', () => {
  test.each([
    ['something else', () => writeFile(path, 'Dear diary, this is no database. '.repeat(200))],
    [
      'a database of something else',
      async () => {
        const other = openToWrite(path);
        other.database.exec('DROP TABLE meta');
        other.close();
      },
    ],
    ['cut off', async () => truncate(path, 4_096 * 2)],
    ['cut within a page', async () => truncate(path, 10_000)],
  ])('%s', async (_name, damage) => {
    await makeWhole();
    await damage();
    const found: string[] = [];
    await using store = openSqliteReadModels({ path, mode: 'write', onDamaged: (_inode, what) => found.push(what) });
    store.collection(notes);
    expect(found).toHaveLength(1);
    expect(existsSync(`${path}.damaged`)).toBe(true);
    expect(await store.checkpoint('notebook', 'events', 0)).toMatchObject({ offset: 0 });
    expect((await readAll(store)).paged).toEqual(whole);
  });
});

test('damage that is met later begins the file again, and readers follow', async () => {
  await makeWhole();
  const found: string[] = [];
  await using store = openSqliteReadModels({ path, mode: 'write', onDamaged: (_inode, what) => found.push(what) });
  const collection = store.collection(notes);
  await using reader = openSqliteReadModels({ path, mode: 'read' });
  const read = reader.collection(notes);
  expect(await read.get('note-7')).toEqual(note(7));
  const other = openToWrite(path);
  other.database.exec("UPDATE notes_g1 SET document = replace(document, 'note 7', 'note 8') WHERE id = 'note-7'");
  other.close();

  await expect(read.get('note-7')).rejects.toThrow(ReadModelUnavailable);
  await expect(collection.get('note-7')).rejects.toThrow(ReadModelUnavailable);
  expect(found).toEqual(['checksum of notes/note-7']);
  await expect(collection.get('note-7')).rejects.toThrow(ReadModelReplaced);
  await expect(store.apply([], [checkpoint])).rejects.toThrow(ReadModelReplaced);
  await fill(store);
  expect(await read.get('note-7')).toEqual(note(7));
});

test('what a reader reports is set aside once, however often it is reported', async () => {
  await makeWhole();
  await using store = openSqliteReadModels({ path, mode: 'write' });
  store.collection(notes);
  const other = openToWrite(path);
  other.database.exec("UPDATE notes_g1 SET checksum = 0 WHERE id = 'note-7'");
  other.close();
  const reported: number[] = [];
  await using reader = openSqliteReadModels({ path, mode: 'read', onDamaged: (inode) => reported.push(inode) });
  const read = reader.collection(notes);
  await expect(read.get('note-7')).rejects.toThrow(ReadModelUnavailable);
  await expect(read.get('note-7')).rejects.toThrow(ReadModelUnavailable);
  expect(reported).toHaveLength(2);
  for (const inode of reported) store.replaceDamaged(inode);
  expect(readdirSync(folder).filter((name) => name.endsWith('.damaged'))).toHaveLength(1);
  await fill(store);
  expect(await read.get('note-7')).toEqual(note(7));
});

test('a file of a later release is refused and left as it is', async () => {
  await makeWhole();
  const later = openToWrite(path);
  writeMeta(later, 'schema', 99);
  later.close();
  expect(() => openSqliteReadModels({ path, mode: 'write' })).toThrow(ReadModelTooNew);
  await using reader = openSqliteReadModels({ path, mode: 'read' });
  await expect(reader.collection(notes).get('note-1')).rejects.toThrow(ReadModelTooNew);
  expect(readdirSync(folder).filter((name) => name.includes('damaged'))).toEqual([]);
});

test('a damaged file has no versions that can be told, one that is not there has none', async () => {
  expect(storedCollectionVersions(path)).toEqual(new Map());
  await makeWhole();
  expect(storedCollectionVersions(path)).toEqual(new Map([['notes', 1]]));
  redefine('meta', 'checksum', 'checksul');
  expect(storedCollectionVersions(path)).toBeNull();
});

test('a definition that is damaged while the file is open is found when a statement fails', async () => {
  await makeWhole();
  const found: string[] = [];
  await using store = openSqliteReadModels({ path, mode: 'write', onDamaged: (_inode, what) => found.push(what) });
  const collection = store.collection(notes);
  redefine('notes_g1', 'f_rank', 'f_rbnk');
  await expect(collection.page({ index: 'byOwner', equals: ['ann'], limit: 1 })).rejects.toThrow(ReadModelUnavailable);
  expect(found).toEqual(['the tables are not as they were made']);
  expect((await readAll(store)).paged).toEqual(whole);
});

test('a damaged definition is not sealed as the right one by the next change of tables', async () => {
  await makeWhole();
  const found: string[] = [];
  await using store = openSqliteReadModels({ path, mode: 'write', onDamaged: (_inode, what) => found.push(what) });
  store.collection(notes);
  redefine('notes_g1', 'f_rank', 'f_rbnk');
  expect(() => store.collection({ ...notes, name: 'drafts', model: 'desk' })).toThrow(ReadModelUnavailable);
  expect(found).toEqual(['the tables are not as they were made']);
});

/** Changes a definition as a flipped bit does, and lets every open handle read the definitions again. */
function redefine(table: string, from: string, to: string): void {
  const database = new DatabaseSync(path, { defensive: false });
  database.exec('PRAGMA writable_schema = ON');
  database.prepare('UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name GLOB ?').run(from, to, `${table}*`);
  const version = Number(database.prepare('PRAGMA schema_version').get()?.['schema_version']);
  database.exec(`PRAGMA schema_version = ${version + 1}`);
  database.close();
}

test.each(testSeeds)(
  'a reader reports whatever bit flips (TEST_SEED=%i)',
  async (seed) => {
    await makeWhole();
    const original = await readFile(path);
    const random = seededRandom(seed);
    for (let round = 0; round < 150 / testSeeds.length; round++) {
      const bit = Math.floor(random() * original.length * 8);
      await writeFile(path, flipped(original, bit));
      expect({ bit, ...(await asReaderFindsIt()) }).toEqual({ bit, wrong: [], thrown: undefined });
    }
  },
  120_000,
);

/** What a reader gets that was never written, or throws other than as damage. Documents may be missing: only a writer checks every page. */
async function asReaderFindsIt(): Promise<{ wrong: readonly Note[]; thrown: unknown }> {
  const reported: number[] = [];
  await using reader = openSqliteReadModels({ path, mode: 'read', onDamaged: (inode) => reported.push(inode) });
  const collection = reader.collection(notes);
  try {
    await reader.checkpoint('notebook', 'events', 0);
    const paged = await collection.page({ index: 'byOwner', equals: ['ann'], limit: 2 * documents });
    const scanned = (await collection.scan('', 2 * documents)).map(({ document }) => document);
    const found = await collection.search({ equals: 'ann', words: ['of', 'words'], limit: 2 * documents });
    const written = new Set(whole.map(({ text }) => text));
    return { wrong: [...paged, ...scanned, ...found].filter(({ text }) => !written.has(text)), thrown: undefined };
  } catch (error) {
    return {
      wrong: [],
      thrown: error instanceof ReadModelUnavailable && reported.length === 1 ? undefined : String(error),
    };
  }
}

describe('the models are right again after the next start', () => {
  /** Opens the file as it is now, goes on as a projector would, and looks at everything. */
  async function expectWhole(what: object): Promise<void> {
    const store = openSqliteReadModels({ path, mode: 'write' });
    try {
      const { paged, scanned, found, each } = await readAll(store);
      expect({ ...what, paged }).toEqual({ ...what, paged: whole });
      expect(scanned.sort(byRank)).toEqual(whole);
      expect({ ...what, found: found.toReversed() }).toEqual({ ...what, found: whole });
      expect({ ...what, each }).toEqual({ ...what, each: whole });
    } finally {
      await store[Symbol.asyncDispose]();
    }
    for (const name of readdirSync(folder)) await rm(join(folder, name));
  }

  test.each(testSeeds)(
    'whichever byte of the header has a flipped bit (TEST_SEED=%i)',
    async (seed) => {
      await makeWhole();
      const original = await readFile(path);
      const random = seededRandom(seed);
      for (let byte = 0; byte < headerBytes; byte++) {
        const bit = byte * 8 + Math.floor(random() * 8);
        await writeFile(path, flipped(original, bit));
        await expectWhole({ bit });
      }
    },
    120_000,
  );

  // A flipped bit in a column's name looks to SQLite like a mistake in the statement: "no such column: checksum" stopped every start.
  test.each(testSeeds)(
    'whichever byte of the definition of the table of keys has a flipped bit (TEST_SEED=%i)',
    async (seed) => {
      await makeWhole();
      const original = await readFile(path);
      const begin = original.indexOf('CREATE TABLE meta');
      expect(begin).toBeGreaterThan(0);
      const random = seededRandom(seed);
      for (let byte = begin; byte < original.indexOf(')', begin); byte++) {
        const bit = byte * 8 + Math.floor(random() * 8);
        await writeFile(path, flipped(original, bit));
        await expectWhole({ bit });
      }
    },
    120_000,
  );

  test.each(testSeeds)(
    'whatever bit flips, or wherever the file is cut (TEST_SEED=%i)',
    async (seed) => {
      await makeWhole();
      const original = await readFile(path);
      const random = seededRandom(seed);
      for (let round = 0; round < 150 / testSeeds.length; round++) {
        const bit = Math.floor(random() * original.length * 8);
        await writeFile(path, round % 3 === 2 ? original.subarray(0, bit >> 3) : flipped(original, bit));
        await expectWhole({ round, bit });
      }
    },
    120_000,
  );

  test.each(testSeeds)(
    'whatever happens to the write-ahead log of one that was killed (TEST_SEED=%i)',
    async (seed) => {
      const store = openSqliteReadModels({ path, mode: 'write' });
      await fill(store);
      const [database, log] = await Promise.all([readFile(path), readFile(`${path}-wal`)]);
      await store[Symbol.asyncDispose]();
      const random = seededRandom(seed);
      for (let round = 0; round < 80 / testSeeds.length; round++) {
        const bit = Math.floor(random() * log.length * 8);
        for (const name of readdirSync(folder)) await rm(join(folder, name));
        await writeFile(path, database);
        await writeFile(`${path}-wal`, round % 2 === 0 ? log.subarray(0, bit >> 3) : flipped(log, bit));
        await expectWhole({ round, bit });
      }
    },
    120_000,
  );
});

function flipped(original: Buffer, bit: number): Buffer {
  const copy = Buffer.from(original);
  const byte = bit >> 3;
  copy[byte] = (copy[byte] ?? 0) ^ (1 << (bit & 7));
  return copy;
}
