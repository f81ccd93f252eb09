import { describe, expect, test } from '@jest/globals';
import { type CollectionSpec, ReadModelReplaced, ReadModelUnavailable } from '../../../ports/read-model.ts';
import { MemoryReadModelServer } from './memory-read-models.ts';

interface Note {
  readonly text: string;
  readonly tags?: readonly string[] | undefined;
}

const notes: CollectionSpec<Note> = {
  name: 'notes',
  model: 'notebook',
  version: 1,
  indexes: { byText: { equals: [], order: 'text' } },
};

function write(id: string, offset: number, text: string) {
  return { collection: notes.name, id, offset, document: { text } };
}

function upTo(offset: number) {
  return { model: notes.model, topic: 'events', partition: 0, offset, state: null };
}

/** A server with two notes, and its writer. */
async function filled() {
  const server = new MemoryReadModelServer();
  const writer = server.handle('write');
  const collection = writer.collection(notes);
  await writer.apply([write('a', 1, 'one'), write('b', 2, 'two')], [upTo(3)]);
  return { server, writer, collection };
}

describe('read models in memory: what is stored', () => {
  test('is frozen, has no undefined fields, and does not follow what the writer changes', async () => {
    const { writer, collection } = await filled();
    const document = { text: 'three', tags: undefined, more: { list: ['x'] } };
    await writer.apply([{ ...write('c', 3, ''), document }], []);
    document.more.list.push('y');
    const stored = await collection.get('c');
    expect(stored).toStrictEqual({ text: 'three', more: { list: ['x'] } });
    expect(() => Object.assign(stored as object, { text: 'four' })).toThrow(TypeError);
    expect(await collection.get('c')).toBe(stored);
  });

  test('is only what JSON can hold', async () => {
    const { writer, collection } = await filled();
    for (const strange of [new Date(0), Number.NaN, 1n, new Uint8Array(1)]) {
      const document = { text: 'c', strange };
      await expect(writer.apply([{ ...write('c', 3, ''), document }], [])).rejects.toThrow(TypeError);
    }
    expect(await collection.get('c')).toBeNull();
  });

  test('is shown whole, documents in order and checkpoints, of the live generation', async () => {
    const { server, writer } = await filled();
    const { store } = await writer.rebuild(notes.model);
    store.collection(notes);
    await store.apply([write('z', 1, 'beside')], [upTo(9)]);
    expect(server.everything()).toEqual({ 'notes/a': { text: 'one' }, 'notes/b': { text: 'two' } });
    expect(Object.keys(server.everything('notebook'))).toEqual(['notes/a', 'notes/b']);
    expect(server.everything('diary')).toEqual({});
    expect(server.checkpoints()).toEqual([upTo(3)]);
  });

  test('does not come back once removed, and checkpoints only rise', async () => {
    const { server, writer } = await filled();
    await writer.apply([{ ...write('a', 5, ''), document: null }], [upTo(6)]);
    await writer.apply([write('a', 4, 'late')], [upTo(5)]);
    expect(server.everything()).toEqual({ 'notes/b': { text: 'two' } });
    expect(server.checkpoints()).toEqual([upTo(6)]);
  });
});

describe('read models in memory: replaced', () => {
  test('by an older copy, any number of times: writers are told until they ask anew, readers read on', async () => {
    const { server, writer, collection } = await filled();
    const reader = server.handle('read').collection(notes);
    const snapshot = server.snapshot();
    for (const text of ['newer', 'newest']) {
      await writer.apply([write('a', 7, text)], [upTo(8)]);
      expect(await reader.get('a')).toEqual({ text });
      server.restore(snapshot);
      expect(await reader.page({ index: 'byText', equals: [], limit: 9 })).toEqual([{ text: 'one' }, { text: 'two' }]);
      await expect(writer.apply([], [upTo(9)])).rejects.toThrow(ReadModelReplaced);
      await expect(collection.get('a')).rejects.toThrow(ReadModelReplaced);
      await expect(writer.checkpoint(notes.model, 'events', 0)).rejects.toThrow(ReadModelReplaced);
      writer.collection(notes);
      expect(await writer.checkpoint(notes.model, 'events', 0)).toEqual(upTo(3));
    }
  });

  test('by an older copy that nobody tells of: no checkpoint is written over it', async () => {
    const { server, writer } = await filled();
    const snapshot = server.snapshot();
    await writer.apply([write('a', 7, 'newer')], [upTo(8)]);
    server.restore(snapshot, { unnoticed: true });
    await expect(writer.apply([write('b', 8, 'on')], [upTo(9)])).rejects.toThrow(ReadModelReplaced);
    writer.collection(notes);
    expect(await writer.checkpoint(notes.model, 'events', 0)).toEqual(upTo(3));
    // Nothing was written: a later offset on what the older copy has would keep what it lacks out.
    expect(server.everything()).toEqual({ 'notes/a': { text: 'one' }, 'notes/b': { text: 'two' } });
    await writer.apply([write('a', 7, 'newer')], [upTo(8)]);
    expect(server.everything()).toEqual({ 'notes/a': { text: 'newer' }, 'notes/b': { text: 'two' } });
  });

  test('by an empty one: the same, and a rebuild that had begun is over', async () => {
    const { server, writer, collection } = await filled();
    const rebuild = await writer.rebuild(notes.model);
    rebuild.store.collection(notes);
    server.clear();
    expect(server.everything()).toEqual({});
    await expect(collection.load(['a'])).rejects.toThrow(ReadModelReplaced);
    await expect(rebuild.store.apply([write('a', 1, 'x')], [])).rejects.toThrow(ReadModelReplaced);
    expect(() => rebuild.store.collection(notes)).toThrow(ReadModelReplaced);
    await expect(rebuild.activate()).rejects.toThrow(ReadModelReplaced);
    expect(await server.handle('read').collection(notes).get('a')).toBeNull();
    writer.collection(notes);
    expect(await writer.checkpoint(notes.model, 'events', 0)).toEqual(upTo(0));
  });
});

describe('read models in memory: writers', () => {
  test('are held before a switch, and no longer than some seconds', async () => {
    let nowMs = 0;
    const server = new MemoryReadModelServer(() => nowMs);
    const writer = server.handle('write');
    writer.collection(notes);
    const rebuild = await server.handle('write').rebuild(notes.model);
    rebuild.store.collection(notes);
    await rebuild.hold();
    await expect(writer.apply([write('a', 1, 'x')], [])).rejects.toThrow(ReadModelUnavailable);
    await rebuild.store.apply([write('a', 1, 'x')], []);
    await rebuild.discard();
    await writer.apply([write('a', 1, 'x')], []);
    const lost = await server.handle('write').rebuild(notes.model);
    await lost.hold();
    await expect(writer.apply([], [upTo(1)])).rejects.toThrow(ReadModelUnavailable);
    nowMs = 5_000;
    await writer.apply([], [upTo(1)]);
  });

  test('are interrupted between documents, in any order, before the checkpoints', async () => {
    const { server, writer } = await filled();
    server.interrupt = (writes) => {
      writes.reverse();
      return 1;
    };
    const writes = [write('a', 5, 'not yet'), write('b', 6, 'written')];
    await expect(writer.apply(writes, [upTo(7)])).rejects.toThrow(ReadModelUnavailable);
    expect(server.everything()).toEqual({ 'notes/a': { text: 'one' }, 'notes/b': { text: 'written' } });
    expect(server.checkpoints()).toEqual([upTo(3)]);
    expect(writes.map(({ id }) => id)).toEqual(['a', 'b']);
  });

  test('of two handles do not mind each other; a handle that reads writes nothing', async () => {
    const { server, writer } = await filled();
    const other = server.handle('write');
    other.collection(notes);
    await other.apply([write('a', 4, 'other’s')], []);
    await writer.apply([write('b', 4, 'own')], []);
    expect(Object.values(server.everything())).toEqual([{ text: 'other’s' }, { text: 'own' }]);
    await expect(server.handle('read').apply([], [])).rejects.toThrow(TypeError);
  });
});
