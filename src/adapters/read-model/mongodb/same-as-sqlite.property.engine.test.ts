import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { DocumentWrite, ReadModelStore } from '../../../ports/read-model.ts';
import { type MongoEngine, startMongo } from '../../../testing/engines/mongo.ts';
import { openSqliteReadModels } from '../sqlite/store.ts';
import { openMongoReadModels } from './mongo-read-models.ts';
import { type TestDatabase, testDatabase } from './testing/databases.ts';
import { type Note, notes, noteWrite, upTo } from './testing/notes.ts';

const runs = 120;

let engine: MongoEngine;
let database: TestDatabase;
let folder: string;
beforeAll(async () => {
  engine = await startMongo({ external: 'allowed' });
  database = testDatabase(engine.uri);
  folder = await mkdtemp(join(tmpdir(), 'parley-same-'));
}, 120_000);
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

// Few of each, so that there are ties, repeats and changes; some look like something else to a query. None is between U+E000 and U+FFFF: the
// stand-in orders texts by UTF-16 units, which is another order only for those; MongoDB orders them as the port says.
const ids = ['a', 'b', 'B', 'é', '漢', '😀', '$gt', 'a.b', '%'];
const owners = ['ann', 'an', 'ANN', '', '漢字', '$ne'];
const words = ['zürich', 'zurich', 'train', 'trains', '東', 'ß', 'ss', '7'];

const whole = fc.integer({ min: 0, max: 4 });
const note: fc.Arbitrary<Note> = fc.record(
  {
    owner: fc.constantFrom(...owners),
    rank: whole,
    text: fc.array(fc.constantFrom(...words), { maxLength: 4 }).map((said) => said.join(' ')),
  },
  { requiredKeys: ['rank', 'text'] },
);
/** One that no search is to find: its order may be any number, or it has none. */
const odd: fc.Arbitrary<Note> = fc.record(
  { owner: fc.constant(null), rank: fc.constantFrom(-1, 0.5, 2 ** 40, undefined), text: fc.constant('') },
  { requiredKeys: ['owner', 'text'] },
);

interface Step {
  readonly id: string;
  readonly document: Note | null;
  /** How much later than the newest write so far; 0 and less: a repeat, or late. */
  readonly later: number;
}

const write: fc.Arbitrary<Step> = fc.record({
  id: fc.constantFrom(...ids),
  document: fc.option(note, { freq: 5 }),
  later: fc.integer({ min: -3, max: 3 }),
});
const batches = fc.array(fc.array(write, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 6 });
const oddities = fc.array(odd, { maxLength: 3 });
const questions = fc.record({
  limit: fc.integer({ min: 1, max: 5 }),
  owner: fc.constantFrom(...owners, 'nobody'),
  after: fc.option(fc.record({ order: fc.constantFrom(-2, 0, 0.25, 1, 2, 3, 99), id: fc.constantFrom('', ...ids) })),
  words: fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 2 }),
  rebuilt: fc.boolean(),
});

/**
 * The writes, at their positions. None of a removed document is late: SQLite has forgotten the position by then, and counts on there being
 * no other writer.
 */
function placed(steps: readonly (readonly Step[])[], strange: readonly Note[]): DocumentWrite[][] {
  let newest = 10;
  const removedAt = new Map<string, number>();
  const found = steps.map((batch) =>
    batch.flatMap(({ id, document, later }) => {
      const offset = newest + later;
      if (offset <= (removedAt.get(id) ?? 0)) return [];
      newest = Math.max(newest, offset);
      if (document === null) removedAt.set(id, offset);
      return [noteWrite(id, offset, document)];
    }),
  );
  return [...found, strange.map((document, index) => noteWrite(`odd ${index}`, newest + 1, document))];
}

type Question = typeof questions extends fc.Arbitrary<infer Q> ? Q : never;

/** All that the store says. */
async function said(store: ReadModelStore, writes: DocumentWrite[][], question: Question) {
  const { limit, owner, words: wanted, rebuilt } = question;
  const after = question.after === null ? {} : { after: question.after };
  store.collection(notes);
  let offset = 0;
  for (const batch of writes) await store.apply(batch, [upTo((offset += 1))]);
  if (rebuilt) {
    const rebuild = await store.rebuild(notes.model);
    rebuild.store.collection(notes);
    await rebuild.store.apply(writes.flat(), [upTo(offset)]);
    await rebuild.activate();
  }
  const collection = store.collection(notes);
  const pages = [false, true].flatMap((descending) => [
    collection.page({ index: 'byOwner', equals: [owner], descending, limit, ...after }),
    collection.page({ index: 'byRank', equals: [], descending, limit, ...after }),
    collection.page({ index: 'byRank', equals: [], descending, limit: 100 }),
  ]);
  return {
    got: await Promise.all(ids.map((id) => collection.get(id))),
    loaded: [...(await collection.load([...ids, 'odd 0', 'nobody']))].sort(([left], [right]) =>
      left < right ? -1 : 1,
    ),
    scanned: await collection.scan('', 100),
    some: await collection.scan('a', limit),
    pages: await Promise.all(pages),
    found: await collection.search({ equals: owner, words: wanted, limit, ...after }),
    foundAll: await Promise.all(words.map((word) => collection.search({ equals: owner, words: [word], limit: 100 }))),
    counts: [await collection.count('byOwner', [owner]), await collection.count('byRank', [])],
    checkpoint: await store.checkpoint(notes.model, 'events', 0),
  };
}

test('any documents, pages and searches are answered as SQLite does', async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(batches, oddities, questions, async (steps, strange, question) => {
      run += 1;
      const writes = placed(steps, strange);
      await using sqlite = openSqliteReadModels({ path: join(folder, `${run}.db`), mode: 'write' });
      await using mongo = await openMongoReadModels({ uri: database.uri, prefix: `run-${run}`, mode: 'write' });
      expect(await said(mongo, writes, question)).toEqual(await said(sqlite, writes, question));
    }),
    { numRuns: runs },
  );
}, 180_000);
