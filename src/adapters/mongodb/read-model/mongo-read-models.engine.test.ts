import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ReadModelReplaced, type ReadModelStore, ReadModelUnavailable } from '../../../ports/read-model.ts';
import { type MongoEngine, startMongo } from '../../../testing/engines/mongo.ts';
import { type TestDatabase, testDatabase } from '../../../testing/engines/test-database.ts';
import { type Note, notes, noteWrite, upTo } from '../../../testing/notes.ts';
import { maxWritesPerCall } from './limits.ts';
import { openMongoReadModels } from './mongo-read-models.ts';
import { until } from './testing/until.ts';

let engine: MongoEngine;
let database: TestDatabase;
let opened: ReadModelStore[];

beforeAll(async () => {
  engine = await startMongo({ external: 'allowed' });
});
afterAll(() => engine[Symbol.asyncDispose]());
beforeEach(() => {
  database = testDatabase(engine.uri);
  opened = [];
});
afterEach(async () => {
  for (const store of opened) await store[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

async function open(mode: 'read' | 'write' = 'write', retiredForMs?: number): Promise<ReadModelStore> {
  const retired = retiredForMs === undefined ? {} : { retiredForMs };
  const store = await openMongoReadModels({ uri: database.uri, prefix: 'parley', mode, ...retired });
  opened.push(store);
  return store;
}

const note = (rank: number, text = `note ${rank}`): Note => ({ owner: 'ann', rank, text });

async function collectionNames(): Promise<readonly string[]> {
  const found = await database.client.db(database.name).listCollections({}, { nameOnly: true }).toArray();
  return found.map(({ name }) => name).sort();
}

describe('several processes', () => {
  test('that start at the same time on a new database share one generation', async () => {
    const stores = await Promise.all(Array.from({ length: 8 }, () => open()));
    await Promise.all(
      stores.map(async (store, partition) => {
        store.collection(notes);
        await store.apply([noteWrite(`n${partition}`, 3, note(partition))], [upTo(4, partition)]);
      }),
    );
    const reader = await open('read');
    expect(await reader.collection(notes).scan('', 100)).toHaveLength(8);
    for (const partition of stores.keys())
      expect(await reader.checkpoint('notebook', 'events', partition)).toEqual(upTo(4, partition));
    expect(await collectionNames()).toEqual(['parley_checkpoints', 'parley_models', 'parley_notes_1']);
  });

  test('that bring a newer version at the same time begin the model once, beside the one of those before', async () => {
    const before = await open();
    const old = before.collection(notes);
    await before.apply([noteWrite('a', 3, note(1))], [upTo(4)]);
    const stores = await Promise.all(Array.from({ length: 6 }, () => open()));
    await Promise.all(
      stores.map(async (store, partition) => {
        store.collection({ ...notes, version: 2 });
        await store.apply([noteWrite(`n${partition}`, 3, note(partition))], [upTo(4, partition)]);
      }),
    );
    const scanned = await stores[0]!.collection({ ...notes, version: 2 }).scan('', 100);
    expect(scanned.map(({ id }) => id)).toEqual(['n0', 'n1', 'n2', 'n3', 'n4', 'n5']);
    await before.apply([noteWrite('b', 9, note(1))], [upTo(10)]);
    expect((await old.scan('', 100)).map(({ id }) => id)).toEqual(['a', 'b']);
    expect(await before.checkpoint('notebook', 'events', 0)).toEqual(upTo(10));
    expect(await stores[0]!.checkpoint('notebook', 'events', 0)).toEqual(upTo(4));
  });

  test('neither bring back what was removed nor set back a checkpoint when they were held up', async () => {
    const [held, successor] = [await open(), await open()];
    const collection = successor.collection(notes);
    held.collection(notes);
    await held.apply([noteWrite('a', 1, note(1)), noteWrite('never', 1, note(1))], [upTo(2)]);
    await successor.apply([noteWrite('a', 8, null), noteWrite('unseen', 8, null)], [upTo(9)]);
    await held.apply([noteWrite('a', 5, note(5)), noteWrite('unseen', 5, note(5))], [upTo(6)]);
    expect(await collection.get('a')).toBeNull();
    expect(await collection.load(['a', 'unseen'])).toEqual(new Map());
    expect((await collection.scan('', 10)).map(({ id }) => id)).toEqual(['never']);
    expect(await collection.count('byRank', [])).toBe(1);
    expect(await collection.search({ equals: 'ann', words: ['note', '5'], limit: 9 })).toEqual([]);
    expect(await successor.checkpoint('notebook', 'events', 0)).toEqual(upTo(9));
    await successor.apply([noteWrite('a', 9, note(9))], [upTo(10)]);
    expect(await collection.get('a')).toEqual(note(9));
  });
});

describe('generations', () => {
  test('go on while partitions are written by two processes; both are told, and readers never miss a document', async () => {
    const writers = [await open(), await open()];
    for (const [partition, writer] of writers.entries()) {
      writer.collection(notes);
      await writer.apply([noteWrite(`lasting${partition}`, 0, note(0))], [upTo(1, partition)]);
    }
    const reader = await open('read');
    const read = reader.collection(notes);
    const over = new AbortController();
    const reading = (async () => {
      for (; !over.signal.aborted; ) {
        expect([...(await read.load(['lasting0', 'lasting1'])).keys()]).toEqual(['lasting0', 'lasting1']);
        expect(await read.get('lasting1')).toEqual(note(0));
      }
    })();
    const writing = writers.map(async (writer, partition) => {
      for (let offset = 1; ; offset += 1) {
        const apply = writer.apply(
          [noteWrite(`n${partition}-${offset}`, offset, note(offset))],
          [upTo(offset + 1, partition)],
        );
        const error = await apply.then(
          () => null,
          (reason: unknown) => reason,
        );
        if (error === null) continue;
        expect(error).toBeInstanceOf(ReadModelReplaced);
        return offset;
      }
    });
    const rebuilder = await open();
    rebuilder.collection(notes);
    const rebuild = await rebuilder.rebuild('notebook');
    rebuild.store.collection(notes);
    const folded = Array.from({ length: 50 }, (_, index) => noteWrite(`n0-${index}`, index, note(index)));
    const lasting = [noteWrite('lasting0', 0, note(0)), noteWrite('lasting1', 0, note(0))];
    await rebuild.store.apply([...lasting, ...folded], [upTo(50, 0), upTo(1, 1)]);
    await rebuild.activate();
    expect((await Promise.all(writing)).every((offset) => offset >= 1)).toBe(true);
    over.abort();
    await reading;
    // What the former writers wrote is in the former generation only; they go on from the new one's checkpoints.
    expect(await read.scan('', 1_000)).toHaveLength(52);
    for (const [partition, writer] of writers.entries()) {
      writer.collection(notes);
      expect(await writer.checkpoint('notebook', 'events', partition)).toEqual(
        upTo(partition === 0 ? 50 : 1, partition),
      );
      await writer.apply([noteWrite('lasting0', 60 + partition, note(7))], [upTo(61, partition)]);
    }
    expect(await read.get('lasting0')).toEqual(note(7));
  });

  test('that are no longer read leave the database, their checkpoints too, whoever retired them', async () => {
    const store = await open('write', 100);
    const collection = store.collection(notes);
    await store.apply([noteWrite('a', 1, note(1))], [upTo(2)]);
    const first = await store.rebuild('notebook');
    first.store.collection(notes);
    await first.store.apply([noteWrite('a', 1, note(2))], [upTo(2)]);
    await first.activate();
    await until(async () => !(await collectionNames()).includes('parley_notes_1'));
    const checkpoints = database.client.db(database.name).collection('parley_checkpoints');
    await until(async () => (await checkpoints.distinct('generation')).join() === '2');

    // Of a process that died, and of one that was held up and writes to what is gone.
    await database.client.db(database.name).collection('parley_notes_1').insertOne({ late: true });
    await database.client.db(database.name).collection('parley_notes_9').insertOne({ prepared: true });
    store.collection(notes);
    expect(await collection.get('a')).toEqual(note(2));
    await until(async () => !(await collectionNames()).includes('parley_notes_1'));
    expect(await collectionNames()).toEqual([
      'parley_checkpoints',
      'parley_models',
      'parley_notes_2',
      'parley_notes_9',
    ]);
  });

  test('that are given up leave the database at once', async () => {
    const store = await open();
    store.collection(notes);
    await store.apply([noteWrite('a', 1, note(1))], [upTo(2)]);
    const dropped = await store.rebuild('notebook');
    dropped.store.collection(notes);
    await dropped.store.apply([noteWrite('x', 1, note(1))], [upTo(9)]);
    expect(await collectionNames()).toContain('parley_notes_2');
    await dropped.discard();
    await expect(dropped.store.checkpoint('notebook', 'events', 0)).rejects.toThrow(ReadModelReplaced);
    await expect(dropped.activate()).rejects.toThrow(ReadModelReplaced);
    const checkpoints = database.client.db(database.name).collection('parley_checkpoints');
    expect(await checkpoints.distinct('generation')).toEqual([1]);
    expect(await collectionNames()).not.toContain('parley_notes_2');
    expect(await store.checkpoint('notebook', 'events', 0)).toEqual(upTo(2));
  });

  test('of two rebuilds at once the later one counts, and the other is told', async () => {
    const [left, right] = [await open(), await open()];
    left.collection(notes);
    right.collection(notes);
    const earlier = await left.rebuild('notebook');
    const lost = earlier.store.collection(notes);
    await earlier.store.apply([noteWrite('a', 1, note(1, 'earlier'))], [upTo(2)]);
    const later = await right.rebuild('notebook');
    const kept = later.store.collection(notes);
    await later.store.apply([noteWrite('a', 1, note(1, 'later'))], [upTo(2)]);
    await expect(earlier.store.apply([noteWrite('b', 1, note(1))], [])).rejects.toThrow(ReadModelReplaced);
    await expect(lost.get('a')).rejects.toThrow(ReadModelReplaced);
    await expect(earlier.activate()).rejects.toThrow(ReadModelReplaced);
    await later.activate();
    await later.activate();
    expect(await kept.get('a')).toEqual(note(1, 'later'));
    const reader = await open('read');
    expect(await reader.collection(notes).get('a')).toEqual(note(1, 'later'));
  });

  test('that many begin at the same time are never the same one; the last of them can be made live, once', async () => {
    const stores = await Promise.all(Array.from({ length: 8 }, () => open()));
    for (const store of stores) store.collection(notes);
    const rebuilds = await Promise.all(stores.map((store) => store.rebuild('notebook')));
    const activated = await Promise.allSettled(
      rebuilds.map(async (rebuild, index) => {
        rebuild.store.collection(notes);
        await rebuild.store.apply([noteWrite(`of ${index}`, 1, note(index))], [upTo(2)]);
        await rebuild.activate();
        return index;
      }),
    );
    const [winner, ...others] = activated.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(others).toEqual([]);
    for (const one of activated) if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(ReadModelReplaced);
    const scanned = await (await open('read')).collection(notes).scan('', 10);
    expect(scanned.map(({ id }) => id)).toEqual([`of ${winner}`]);
  });

  test('of another release are not read, but those of the own one, which is told that it begins them', async () => {
    const begun: string[] = [];
    const openTold = (mode: 'read' | 'write') =>
      openMongoReadModels({ uri: database.uri, prefix: 'parley', mode, onBegun: (model) => begun.push(model) });
    await using writer = await openTold('write');
    await using reader = await open('read');
    writer.collection(notes);
    await writer.apply([noteWrite('a', 1, note(1))], [upTo(2)]);
    expect(begun).toEqual([]);
    const ahead = (await open('read')).collection({ ...notes, version: 2 });
    await expect(ahead.get('a')).rejects.toThrow(ReadModelUnavailable);
    writer.collection({ ...notes, version: 2 });
    await writer.apply([noteWrite('a', 1, note(2))], [upTo(3)]);
    expect(begun).toEqual(['notebook']);
    expect(await ahead.get('a')).toEqual(note(2));
    expect(await reader.collection(notes).get('a')).toEqual(note(1));
    expect(await reader.checkpoint('notebook', 'events', 0)).toEqual(upTo(2));
  });

  test('of the release before are kept, rebuilt or not, and those of the one before that leave the database', async () => {
    const versions = [1, 2, 3].map((version) => ({ ...notes, version }));
    for (const [index, spec] of versions.entries()) {
      const writer = await open('write', 100);
      // A collection that only the first release has goes with it.
      const specs = index === 0 ? [spec, { ...spec, name: 'drafts' }] : [spec];
      for (const each of specs) writer.collection(each);
      await writer.apply([noteWrite('a', 1, note(index))], [upTo(2)]);
      const rebuild = await writer.rebuild('notebook');
      for (const each of specs) rebuild.store.collection(each);
      await rebuild.store.apply([noteWrite('a', 1, note(index))], [upTo(2)]);
      await rebuild.activate();
    }
    const kept = ['parley_notes_1000002', 'parley_notes_2000002'];
    await until(
      async () => (await collectionNames()).join() === ['parley_checkpoints', 'parley_models', ...kept].join(),
    );
    const checkpoints = database.client.db(database.name).collection('parley_checkpoints');
    expect(new Set(await checkpoints.distinct('generation'))).toEqual(new Set([1_000_002, 2_000_002]));
    const reader = await open('read');
    expect(await reader.collection(versions[1]!).get('a')).toEqual(note(1));
    const gone = (await open('read')).collection(notes);
    await expect(gone.get('a')).rejects.toThrow(ReadModelUnavailable);
  });
});

describe('collections', () => {
  test('have the indexes of their spec, of documents that have the fields; others of the name are made anew', async () => {
    const rows = database.client.db(database.name).collection('parley_notes_1');
    await rows.createIndex({ 'document.text': 1 }, { name: 'byRank' });
    const store = await open();
    await store.collection(notes).get('a');
    const indexes = await rows.indexes();
    const keys = indexes.map(({ name, key }) => `${name} ${JSON.stringify(key)}`).sort();
    expect(keys).toEqual([
      '_id_ {"_id":1}',
      'byOwner {"document.owner":1,"document.rank":1,"_id":1}',
      'byRank {"document.rank":1,"_id":1}',
      'search {"document.owner":1,"tokens":1,"document.rank":-1,"_id":-1}',
    ]);
    expect(indexes.find(({ name }) => name === 'byOwner')).toMatchObject({
      partialFilterExpression: { 'document.owner': { $exists: true }, 'document.rank': { $exists: true } },
    });
  });

  test('take more documents at once than one call does', async () => {
    const store = await open();
    const collection = store.collection(notes);
    const ids = Array.from({ length: 3 * maxWritesPerCall - 1 }, (_, index) => `n${String(index).padStart(4, '0')}`);
    await store.apply(
      ids.map((id, offset) => noteWrite(id, offset, note(offset))),
      [upTo(ids.length)],
    );
    expect((await collection.load(ids)).size).toBe(ids.length);
    expect((await collection.scan('', ids.length)).map(({ id }) => id)).toEqual(ids);
    expect(await collection.page({ index: 'byRank', equals: [], descending: true, limit: 1 })).toEqual([
      note(ids.length - 1),
    ]);
  });

  test('that several ask for at once are written together, and what keeps one from it is its own matter', async () => {
    const store = await open();
    const collection = store.collection(notes);
    const around: { self?: unknown } = {};
    around.self = around;
    const asked = Array.from({ length: 10 }, (_, partition) => {
      const fitting = note(partition);
      const document = partition === 4 ? { ...fitting, around } : fitting;
      return store.apply([noteWrite(`n${partition}`, 3, document)], [upTo(4, partition)]);
    });
    const settled = await Promise.allSettled(asked);
    expect(settled.flatMap(({ status }, partition) => (status === 'rejected' ? [partition] : []))).toEqual([4]);
    expect(await collection.scan('', 100)).toHaveLength(9);
    const checkpoints = await Promise.all(
      settled.map((_, partition) => store.checkpoint('notebook', 'events', partition)),
    );
    expect(checkpoints.map(({ offset }) => offset)).toEqual([4, 4, 4, 4, 0, 4, 4, 4, 4, 4]);
  });

  test('are of the database that the URI names, else of that of the prefix', async () => {
    const named = await open();
    named.collection(notes);
    await named.apply([], [upTo(1)]);
    expect(await collectionNames()).toContain('parley_checkpoints');
    const prefix = `${database.name}-other`;
    const other = testDatabase(engine.uri);
    const [serverUri] = database.uri.split(`/${database.name}`);
    {
      await using unnamed = await openMongoReadModels({ uri: serverUri!, prefix, mode: 'write' });
      unnamed.collection(notes);
      await unnamed.apply([], [upTo(1)]);
    }
    const found = await other.client.db(prefix).listCollections({}, { nameOnly: true }).toArray();
    expect(found.map(({ name }) => name)).toContain(`${prefix}_checkpoints`);
    await other.client.db(prefix).dropDatabase();
    await other[Symbol.asyncDispose]();
  });
});

// The checkpoint was written over whatever was there: what an older copy lacked was never folded again.
describe('a database that was replaced while a process writes', () => {
  const checkpoints = () =>
    database.client.db(database.name).collection<{ _id: string; offset: number }>('parley_checkpoints');

  test.each([
    ['by an older copy', () => checkpoints().updateMany({}, { $set: { offset: 4 } }), 4],
    ['by an empty one', () => database.client.db(database.name).dropDatabase(), 0],
  ])('%s, is gone on with from where it stands', async (_what, replace, offset) => {
    const store = await open();
    store.collection(notes);
    await store.apply([noteWrite('a', 9, note(1))], [upTo(10), upTo(10, 1)]);
    await replace();
    await expect(store.apply([noteWrite('b', 19, note(2))], [upTo(20), upTo(20, 1)])).rejects.toThrow(
      ReadModelReplaced,
    );
    await expect(store.apply([], [upTo(30)])).rejects.toThrow(ReadModelReplaced);
    // Nothing was written: a later offset on what an older copy has would keep out what that lacks.
    const stored = store.collection(notes);
    expect(await stored.get('b')).toBeNull();
    expect(await store.checkpoint('notebook', 'events', 0)).toMatchObject({ offset });
    await store.apply([noteWrite('c', 19, note(3))], [upTo(20), upTo(20, 1)]);
    expect(await store.checkpoint('notebook', 'events', 1)).toMatchObject({ offset: 20 });
  });

  test('is not taken for one whose partition another process has folded further', async () => {
    const [former, next] = [await open(), await open()];
    for (const store of [former, next]) store.collection(notes);
    await former.apply([noteWrite('a', 9, note(1))], [upTo(10)]);
    await next.checkpoint('notebook', 'events', 0);
    await next.apply([noteWrite('b', 29, note(2))], [upTo(30)]);
    await former.apply([noteWrite('b', 19, note(2))], [upTo(20)]);
    expect(await former.checkpoint('notebook', 'events', 0)).toMatchObject({ offset: 30 });
  });
});
