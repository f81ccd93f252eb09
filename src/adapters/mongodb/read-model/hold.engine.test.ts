import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { ReadModelReplaced, type ReadModelStore, ReadModelUnavailable } from '../../../ports/read-model.ts';
import { type MongoEngine, startMongo } from '../../../testing/engines/mongo.ts';
import { type TestDatabase, testDatabase } from '../../../testing/engines/test-database.ts';
import { notes, noteWrite, upTo } from '../../../testing/notes.ts';
import { openMongoReadModels } from './mongo-read-models.ts';
import { until } from './testing/until.ts';

let engine: MongoEngine;
let database: TestDatabase;
/** A projector's handle, and that of who rebuilds. */
let writer: ReadModelStore;
let rebuilder: ReadModelStore;
let reader: ReadModelStore;

beforeAll(async () => {
  engine = await startMongo({ external: 'allowed' });
});
afterAll(() => engine[Symbol.asyncDispose]());
beforeEach(async () => {
  database = testDatabase(engine.uri);
  const open = (mode: 'read' | 'write') => openMongoReadModels({ uri: database.uri, prefix: 'parley', mode });
  [writer, rebuilder, reader] = await Promise.all([open('write'), open('write'), open('read')]);
  for (const store of [writer, rebuilder, reader]) store.collection(notes);
  await writer.apply([noteWrite('a', 1, { text: 'first' })], [upTo(2)]);
});
afterEach(async () => {
  for (const store of [writer, rebuilder, reader]) await store[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

async function begin() {
  const rebuild = await rebuilder.rebuild(notes.model);
  rebuild.store.collection(notes);
  return rebuild;
}

const write = () => writer.apply([noteWrite('b', 2, { text: 'second' })], [upTo(3)]);

async function canWrite(): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    if (error instanceof ReadModelUnavailable) return false;
    throw error;
  }
}

test('writers of the live generation are held until the switch, and readers and the new one are not', async () => {
  const rebuild = await begin();
  await write();
  await rebuild.hold();
  await expect(write()).rejects.toThrow(ReadModelUnavailable);
  expect(await reader.collection(notes).get('b')).toEqual({ text: 'second' });
  expect(await writer.checkpoint(notes.model, 'events', 0)).toEqual(upTo(3));
  await rebuild.store.apply([noteWrite('a', 1, { text: 'first' }), noteWrite('b', 2, { text: 'second' })], [upTo(3)]);
  await rebuild.activate();
  await expect(write()).rejects.toThrow(ReadModelReplaced);
  writer.collection(notes);
  await write();
});

test('a batch that was begun before is stored when the hold is answered', async () => {
  const rebuild = await begin();
  const batch = Array.from({ length: 500 }, (_, index) => noteWrite(`n${index}`, 2, { text: `note ${index}` }));
  const applied = writer.apply(batch, [upTo(3)]).then(
    () => true,
    () => false,
  );
  await rebuild.hold();
  const found = await reader.checkpoint(notes.model, 'events', 0);
  expect(found.offset).toBe((await applied) ? 3 : 2);
});

test('a rebuild that is dropped, or another that begins, lets writers go on', async () => {
  const dropped = await begin();
  await dropped.hold();
  await dropped.discard();
  await write();
  const abandoned = await begin();
  await abandoned.hold();
  await begin();
  await write();
  await expect(abandoned.hold()).rejects.toThrow(ReadModelReplaced);
});

test('who holds and dies holds nobody for ever', async () => {
  const rebuild = await begin();
  await rebuild.hold();
  expect(await canWrite()).toBe(false);
  await until(canWrite);
  expect(await reader.collection(notes).get('b')).toEqual({ text: 'second' });
});
