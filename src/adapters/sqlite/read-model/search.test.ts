import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import type { CollectionSpec } from '../../../ports/read-model.ts';
import { seededRandom, testSeeds } from '../../../testing/random.ts';
import { openToWrite } from './open-file.ts';
import { openSqliteReadModels, type SqliteReadModels } from './store.ts';
import { checkWordIndexes } from './word-index.ts';

interface Remark {
  readonly owner: string;
  readonly said: number;
  readonly text: string;
}

const remarks: CollectionSpec<Remark> = {
  name: 'remarks',
  model: 'notebook',
  version: 1,
  indexes: { byTime: { equals: ['owner'], order: 'said' } },
  search: {
    equals: 'owner',
    order: 'said',
    words: ({ text }) => [...new Set(text.split(' '))].filter((word) => word !== ''),
  },
  constant: ['owner', 'said'],
};

let folder: string;
let path: string;
let store: SqliteReadModels;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-search-'));
  path = join(folder, 'read-models.db');
  store = openSqliteReadModels({ path, mode: 'write' });
  store.collection(remarks);
});
afterEach(async () => {
  jest.restoreAllMocks();
  await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

function remark(id: string, offset: number, said: number, text: string, owner = 'ann') {
  return { collection: remarks.name, id, offset, document: { owner, said, text } };
}

/** Whether the word is in any file of the store. */
async function isInFiles(word: string): Promise<boolean> {
  const names = await readdir(folder);
  const files = await Promise.all(names.map((name) => readFile(join(folder, name))));
  return files.some((bytes) => bytes.includes(word));
}

/** Throws unless the index says of every word what its table does. */
function checkIndexes(): void {
  const connection = openToWrite(path);
  checkWordIndexes(connection);
  connection.close();
}

test('words that were removed or replaced are in no file any more once the store is scrubbed', async () => {
  const filler = (rank: number) => `words of remark ${rank} ${'and others '.repeat(rank % 60)}`;
  for (let rank = 0; rank < 400; rank += 4) {
    const texts = [0, 1, 2, 3].map((next) => `${filler(rank + next)}marker${next % 2 === 0 ? 'even' : 'odd'}x${rank}`);
    await store.apply(
      texts.map((text, next) => remark(`r${rank + next}`, rank + next, rank + next, text)),
      [],
    );
  }
  expect(await isInFiles('markeroddx')).toBe(true);
  const odd = Array.from({ length: 200 }, (_, index) => 2 * index + 1);
  const removed = odd.filter((rank) => rank % 3 === 0);
  const replaced = odd.filter((rank) => rank % 3 !== 0);
  await store.apply(
    removed.map((rank) => ({ ...remark(`r${rank}`, 1_000, rank, ''), document: null })),
    [],
  );
  await store.apply(
    replaced.map((rank) => remark(`r${rank}`, 1_000, rank, '')),
    [],
  );
  expect(await store.scrub()).toBe(true);
  expect(await isInFiles('markeroddx')).toBe(false);
  expect(await isInFiles('markerevenx')).toBe(true);
  checkIndexes();
});

test('words of a generation that was dropped are in no file any more', async () => {
  const rebuild = await store.rebuild('notebook');
  rebuild.store.collection(remarks);
  await rebuild.store.apply(
    Array.from({ length: 500 }, (_, rank) =>
      remark(`r${rank}`, rank, rank, `some markerword ${rank} ${'x'.repeat(rank)}`),
    ),
    [],
  );
  await rebuild.discard();
  expect(await store.scrub()).toBe(true);
  expect(await isInFiles('markerword')).toBe(false);
});

test('two owners whose checksums are the same see nothing of each other, and full pages of their own', async () => {
  // CRC-32 is 4ddb0c25 for both.
  const owners = ['plumless', 'buckeroo'];
  await store.apply(
    Array.from({ length: 20 }, (_, rank) => remark(`r${rank}`, rank, rank, 'x', owners[rank % 2])),
    [],
  );
  const collection = store.collection(remarks);
  for (const owner of owners) {
    const found = await collection.search({ equals: owner, words: ['x'], limit: 6 });
    expect(found.map((each) => each.owner)).toEqual(Array.from({ length: 6 }, () => owner));
  }
});

test('a reader in the middle of something keeps the store from being scrubbed, which says so', async () => {
  await store.apply([remark('a', 1, 1, 'x')], []);
  const reader = new DatabaseSync(path, { readOnly: true });
  reader.exec('BEGIN');
  reader.prepare('SELECT count(*) FROM meta').get();
  await store.apply([{ ...remark('a', 2, 1, ''), document: null }], []);
  expect(await store.scrub()).toBe(false);
  reader.close();
  expect(await store.scrub()).toBe(true);
});

test('what a process did not come to scrub is scrubbed when the file is opened again', async () => {
  await store.apply([remark('a', 1, 1, 'markerword')], []);
  await store.apply([{ ...remark('a', 2, 1, ''), document: null }], []);
  expect(await isInFiles('markerword')).toBe(true);
  const next = openSqliteReadModels({ path, mode: 'write' });
  expect(await isInFiles('markerword')).toBe(false);
  await next[Symbol.asyncDispose]();
});

test('every page is read by walking an index from its place on: nothing is sorted or read from the start', async () => {
  await store.apply(
    Array.from({ length: 50 }, (_, rank) => remark(`r${rank}`, rank, rank, 'a b')),
    [],
  );
  const prepare = jest.spyOn(DatabaseSync.prototype, 'prepare');
  const collection = store.collection(remarks);
  const after = { order: 20, id: 'r20' };
  for (const place of [{}, { after }]) {
    await collection.search({ equals: 'ann', words: ['a', 'b'], limit: 5, ...place });
    await collection.page({ index: 'byTime', equals: ['ann'], limit: 5, ...place });
    await collection.page({ index: 'byTime', equals: ['ann'], limit: 5, descending: true, ...place });
  }
  const selects = new Set(prepare.mock.calls.map(([sql]) => sql).filter((sql) => sql.includes('ORDER BY')));
  prepare.mockRestore();
  expect(selects.size).toBe(5);
  using database = new DatabaseSync(path, { readOnly: true });
  for (const sql of selects) {
    const steps = database
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map(({ detail }) => String(detail));
    const [first, ...others] = steps;
    expect(first).toMatch(sql.includes('MATCH') ? /^SCAN \S+ VIRTUAL TABLE INDEX \d+:M1<$/ : /^SEARCH \S+ USING INDEX/);
    for (const step of others) expect(step).toMatch(/^SEARCH \S+ USING INDEX \S+ \(place=\?\)/);
    if (sql.includes('(f_said, id)')) expect(first).toMatch(/f_owner=\? .*AND \(f_said,id\)[<>]\(\?,\?\)/);
  }
});

test.each(testSeeds)(
  'whatever is written in whatever order, the index says of every word what the documents do (TEST_SEED=%i)',
  async (seed) => {
    const random = seededRandom(seed);
    const below = (end: number) => Math.floor(random() * end);
    const documents = new Map<string, Remark | null>();
    const rebuilt = (await store.rebuild('notebook')).store;
    const again = rebuilt.collection(remarks);
    for (let offset = 1; offset < 1_500; offset += 10) {
      const writes = Array.from({ length: 10 }, (_, next) => {
        const rank = below(300);
        // Many of one time, so that places collide; a document keeps its time.
        const text = Array.from({ length: below(4) }, () => `w${below(6)}`).join(' ');
        const write = remark(`r${rank}`, offset + next, (rank * 7) % 20, text, `owner ${rank % 3}`);
        return random() < 0.2 ? { ...write, document: null } : write;
      });
      for (const { id, document } of writes) documents.set(id, document);
      await Promise.all([store.apply(writes.slice(0, 5), []), store.apply(writes.slice(5), [])]);
    }
    await rebuilt.apply(
      [...documents].flatMap(([id, document]) =>
        document === null ? [] : [{ collection: 'remarks', id, offset: 1, document }],
      ),
      [],
    );
    checkIndexes();
    const newestFirst = [...documents]
      .flatMap(([id, document]) => (document === null ? [] : [{ id, ...document }]))
      .sort((left, right) => right.said - left.said || (left.id < right.id ? 1 : -1));
    const collection = store.collection(remarks);
    for (const owner of ['owner 0', 'owner 1', 'owner 2']) {
      for (const words of [['w0'], ['w1', 'w2'], ['w3', 'w4', 'w5'], ['w5', 'w5']]) {
        const expected = newestFirst
          .filter((each) => each.owner === owner && words.every((word) => each.text.split(' ').includes(word)))
          .map(({ id: _id, ...document }) => document);
        expect(await collection.search({ equals: owner, words, limit: 400 })).toEqual(expected);
        expect(await again.search({ equals: owner, words, limit: 400 })).toEqual(expected);
      }
    }
  },
);

// Node 26 converts the last rowid that a statement has inserted, also one beyond 2^53: the projector died of its first message.
test('places of today, beyond what a number holds, are written', async () => {
  const now = Date.parse('2026-11-23T12:00:00Z');
  const writes = ['a', 'b'].map((id, index) => remark(id, index, now + index, `said ${id}`));
  await store.apply(writes, [{ model: 'notebook', topic: 'events', partition: 0, offset: 2, state: null }]);
  await store.apply([remark('a', 2, now, 'said otherwise')], []);
  await store.apply([{ collection: remarks.name, id: 'b', offset: 3, document: null }], []);
  const collection = store.collection(remarks);
  expect(await collection.search({ equals: 'ann', words: ['said'], limit: 5 })).toEqual([
    { owner: 'ann', said: now, text: 'said otherwise' },
  ]);
});
