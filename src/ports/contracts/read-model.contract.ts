import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  type Collection,
  type CollectionSpec,
  type Place,
  ReadModelReplaced,
  type ReadModelStore,
  ReadModelTooNew,
  ReadModelUnavailable,
} from '../read-model.ts';

/** An empty store to test. */
export interface ReadModelsUnderTest extends AsyncDisposable {
  /** The handle that writes. */
  readonly writer: ReadModelStore;
  /** Another handle on the same store; a handle that writes may stand in for one that reads. */
  open(mode: 'write' | 'read'): Promise<ReadModelStore>;
}

interface Note {
  readonly owner?: string | undefined;
  readonly rank: number;
  readonly text: string;
  readonly size?: number | undefined;
}

const notes: CollectionSpec<Note> = {
  name: 'notes',
  model: 'notebook',
  version: 1,
  indexes: { byOwner: { equals: ['owner'], order: 'rank' }, byRank: { equals: [], order: 'rank' } },
};

/** What was said, and by whom; the test names the words. */
interface Remark {
  readonly owner?: string | undefined;
  readonly said: number;
  readonly words: readonly string[];
  readonly id: string;
}

const remarks: CollectionSpec<Remark> = {
  name: 'remarks',
  model: 'notebook',
  version: 1,
  indexes: { byTime: { equals: [], order: 'said' } },
  search: { equals: 'owner', order: 'said', words: ({ words }) => words },
};

function remark(id: string, said: number, words: string, owner: string | undefined = 'ann', offset = 1) {
  const document: Remark = { owner, said, words: words === '' ? [] : words.split(' '), id };
  return { collection: remarks.name, id, offset, document };
}

const checkpoint = { model: 'notebook', topic: 'events', partition: 0, offset: 0, state: null };

function note(rank: number, text = `note ${rank}`, owner: string | undefined = 'ann'): Note {
  return { owner, rank, text };
}

function write(id: string, offset: number, document: Note | null) {
  return { collection: notes.name, id, offset, document };
}

/** What every store of read models must do. */
export function readModelContract(name: string, open: () => Promise<ReadModelsUnderTest>): void {
  describe(`read models: ${name}`, () => {
    let subject: ReadModelsUnderTest;
    let store: ReadModelStore;

    beforeEach(async () => {
      subject = await open();
      store = subject.writer;
    });
    afterEach(async () => {
      await subject[Symbol.asyncDispose]();
    });

    const pagesOf = async (query: { index: string; equals: string[]; descending?: boolean }, limit: number) => {
      const ranks: string[] = [];
      const collection = store.collection(notes);
      let after: { order: number; id: string } | undefined;
      for (;;) {
        const page = await collection.page({ ...query, limit, ...(after && { after }) });
        const last = page.at(-1);
        if (last === undefined) return ranks;
        ranks.push(...page.map(({ text }) => text));
        after = { order: last.rank, id: last.text };
      }
    };

    describe('documents', () => {
      test('are read as they were written, with their positions; what is not there is null or left out', async () => {
        const collection = store.collection(notes);
        await store.apply([write('a', 3, note(1)), write('b', 4, { ...note(2), owner: undefined })], []);
        expect(await collection.get('a')).toEqual(note(1));
        expect(await collection.get('c')).toBeNull();
        expect(await collection.load(['a', 'b', 'c'])).toEqual(
          new Map([
            ['a', { id: 'a', document: note(1), offset: 3 }],
            ['b', { id: 'b', document: { rank: 2, text: 'note 2' }, offset: 4 }],
          ]),
        );
      });

      test('hold any text', async () => {
        const collection = store.collection(notes);
        const text = 'naïve 😀 \u0000 "quoted" \\ \n 漢字 $where.a';
        await store.apply([write('ключ', 1, note(1, text, "o'wner"))], []);
        expect(await collection.get('ключ')).toEqual(note(1, text, "o'wner"));
        expect(await collection.page({ index: 'byOwner', equals: ["o'wner"], limit: 10 })).toHaveLength(1);
      });

      test('are replaced by a later write, and in the indexes too', async () => {
        const collection = store.collection(notes);
        await store.apply([write('a', 1, note(1, 'old', 'ann'))], []);
        await store.apply([write('a', 2, note(5, 'new', 'bob'))], []);
        expect(await collection.get('a')).toEqual(note(5, 'new', 'bob'));
        expect(await collection.page({ index: 'byOwner', equals: ['ann'], limit: 10 })).toEqual([]);
        expect(await collection.page({ index: 'byOwner', equals: ['bob'], limit: 10 })).toEqual([
          note(5, 'new', 'bob'),
        ]);
      });

      test('ignore writes and removals that are not after their position', async () => {
        const collection = store.collection(notes);
        await store.apply([write('a', 5, note(1, 'right'))], []);
        await store.apply([write('a', 5, note(2, 'repeat'))], []);
        await store.apply([write('a', 4, note(2, 'late'))], []);
        await store.apply([write('a', 5, null)], []);
        expect(await collection.get('a')).toEqual(note(1, 'right'));
      });

      test('that were thought to be new replace what was before, and nothing that came later', async () => {
        const collection = store.collection(notes);
        const others = ['older', 'same', 'later', 'removed'].map((id) => write(id, 5, note(1, 'another writer’s')));
        await store.apply(others, []);
        await store.apply([write('removed', 6, null)], []);
        const offsets = { new: 1, older: 6, same: 5, later: 4, removed: 7 };
        const own = Object.entries(offsets).map(([id, offset]) => ({
          ...write(id, offset, note(2, 'own')),
          isNew: true,
        }));
        await store.apply([...own, write('known', 1, note(3))], []);
        const found = await collection.load([...Object.keys(offsets), 'known']);
        expect(
          Object.fromEntries([...found].map(([id, { offset, document }]) => [id, [offset, document.text]])),
        ).toEqual({
          new: [1, 'own'],
          older: [6, 'own'],
          same: [5, 'another writer’s'],
          later: [5, 'another writer’s'],
          removed: [7, 'own'],
          known: [1, 'note 3'],
        });
      });

      test('are removed', async () => {
        const collection = store.collection(notes);
        await store.apply([write('a', 1, note(1))], []);
        await store.apply([write('a', 2, null)], []);
        expect(await collection.get('a')).toBeNull();
        expect(await collection.page({ index: 'byOwner', equals: ['ann'], limit: 10 })).toEqual([]);
      });

      test('of one apply keep their order when one document is written twice', async () => {
        const collection = store.collection(notes);
        await store.apply([write('a', 1, note(1, 'first')), write('a', 2, note(2, 'second'))], []);
        expect(await collection.get('a')).toEqual(note(2, 'second'));
      });
    });

    describe('pages', () => {
      // Texts are the ids; ranks have ties.
      const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
      const rankOf = (id: string) => Math.floor(ids.indexOf(id) / 3);

      beforeEach(async () => {
        store.collection(notes);
        const writes = ids.map((id, offset) => write(id, offset, note(rankOf(id), id)));
        await store.apply([...writes.reverse(), write('z', 9, note(1, 'z', 'bob'))], []);
      });

      test.each([1, 2, 3, 10])('of %i show everything once, in order, ties by id', async (limit) => {
        expect(await pagesOf({ index: 'byOwner', equals: ['ann'] }, limit)).toEqual(ids);
        expect(await pagesOf({ index: 'byOwner', equals: ['ann'], descending: true }, limit)).toEqual(ids.toReversed());
      });

      test('begin strictly past a place, whether or not something is there', async () => {
        const collection = store.collection(notes);
        const query = { index: 'byOwner', equals: ['ann'], limit: 1 };
        expect(await collection.page({ ...query, after: { order: 0.5, id: '' } })).toEqual([note(1, 'd')]);
        expect(await collection.page({ ...query, after: { order: 0.5, id: '' }, descending: true })).toEqual([
          note(0, 'c'),
        ]);
        expect(await collection.page({ ...query, after: { order: 9, id: '' } })).toEqual([]);
      });

      test('leave out documents that lack a field of the index, and count what they have', async () => {
        const collection = store.collection(notes);
        await store.apply([write('y', 10, { rank: 7, text: 'y' })], []);
        expect(await collection.count('byOwner', ['ann'])).toBe(ids.length);
        expect(await collection.count('byOwner', ['nobody'])).toBe(0);
        expect(await collection.count('byRank', [])).toBe(ids.length + 2);
        expect(await collection.page({ index: 'byRank', equals: [], descending: true, limit: 1 })).toEqual([
          { rank: 7, text: 'y' },
        ]);
      });

      test('sum up a field of numbers, where there is one', async () => {
        const collection = store.collection(notes);
        const owned = await collection.page({ index: 'byOwner', equals: ['ann'], limit: 100 });
        const sum = owned.reduce((total, { rank }) => total + rank, 0);
        expect(sum).toBeGreaterThan(0);
        expect(await collection.sum('byOwner', ['ann'], 'rank')).toBe(sum);
        expect(await collection.sum('byOwner', ['nobody'], 'rank')).toBe(0);
        await store.apply([write('y', 10, { owner: 'ann', rank: 1_000, text: 'y', size: 7 })], []);
        expect(await collection.sum('byOwner', ['ann'], 'rank')).toBe(sum + 1_000);
        expect(await collection.sum('byOwner', ['ann'], 'size')).toBe(7);
        expect(await collection.sum('byRank', [], 'size')).toBe(7);
      });

      test('by id show every document, with its position', async () => {
        const collection = store.collection(notes);
        const first = await collection.scan('', 3);
        expect(first.map(({ id, offset }) => [id, offset])).toEqual([
          ['a', 0],
          ['b', 1],
          ['c', 2],
        ]);
        const rest = await collection.scan('c', 100);
        expect(rest.map(({ id }) => id)).toEqual(['d', 'e', 'f', 'g', 'z']);
      });
    });

    describe('searching', () => {
      let collection: Collection<Remark>;
      const found = async (words: string, owner = 'ann', limit = 100, from = collection) =>
        (await from.search({ equals: owner, words: words.split(' '), limit })).map(({ id }) => id);

      /** More than a test writes: pages that never end are to fail, not to hang. */
      const maxFound = 100;

      /** Every page of this size, one after the other. */
      const pages = async (words: string, limit: number) => {
        const ids: string[] = [];
        let after: Place | undefined;
        for (;;) {
          const page = await collection.search({
            equals: 'ann',
            words: words.split(' '),
            limit,
            ...(after && { after }),
          });
          const last = page.at(-1);
          if (last === undefined || ids.length > maxFound) return ids;
          ids.push(...page.map(({ id }) => id));
          after = { order: last.said, id: last.id };
        }
      };

      beforeEach(() => {
        collection = store.collection(remarks);
      });

      test('finds the documents that hold all of the words, in whatever order, newest first', async () => {
        await store.apply(
          [remark('a', 10, 'night train to lisbon'), remark('b', 30, 'train at night'), remark('c', 20, 'day train')],
          [],
        );
        expect(await found('train')).toEqual(['b', 'c', 'a']);
        expect(await found('night train')).toEqual(['b', 'a']);
        expect(await found('train night lisbon')).toEqual(['a']);
        expect(await found('train boat')).toEqual([]);
        expect(await collection.search({ equals: 'ann', words: ['day'], limit: 1 })).toEqual([
          { owner: 'ann', said: 20, words: ['day', 'train'], id: 'c' },
        ]);
      });

      test('finds documents by what their words begin with, newest first and in pages, of their owner alone', async () => {
        await store.apply(
          [
            remark('a', 10, 'night trains tram'),
            remark('b', 30, 'train at night'),
            remark('c', 20, 'trai trap nightly'),
            remark('d', 40, 'restrain 東京 zürich'),
            remark('e', 50, 'train night', 'bob'),
          ],
          [],
        );
        const begun = async (beginnings: readonly string[], words: readonly string[] = [], owner = 'ann') =>
          (await collection.search({ equals: owner, words, beginnings, limit: 9 })).map(({ id }) => id);
        expect(await begun(['trai'])).toEqual(['b', 'c', 'a']);
        expect(await begun(['train'])).toEqual(['b', 'a']);
        expect(await begun(['tra', 'night'])).toEqual(['b', 'c', 'a']);
        expect(await begun(['tra'], ['night'])).toEqual(['b', 'a']);
        expect(await begun(['trains', 'tram'])).toEqual(['a']);
        // Two words of one document, of which one comes before what is asked for and one after it.
        expect(await begun(['traj'])).toEqual([]);
        expect([await begun(['東']), await begun(['zür']), await begun(['zur'])]).toEqual([['d'], ['d'], []]);
        expect([await begun(['trai'], [], 'bob'), await begun(['n'], [], 'an')]).toEqual([['e'], []]);
        const after = { order: 30, id: 'b' };
        const second = await collection.search({ equals: 'ann', words: [], beginnings: ['tra'], after, limit: 1 });
        expect(second.map(({ id }) => id)).toEqual(['c']);
      });

      test('takes words as they are: no beginnings, stems, cases or accents of its own', async () => {
        const odd = [
          'ı',
          'ß',
          'ss',
          'zurich',
          'zürich',
          '東',
          '京',
          '٤',
          'ⅳ',
          '𞤀',
          'ꬰ',
          'trains',
          'or',
          'not',
          'ſ',
          's',
        ];
        await store.apply(
          odd.map((word, index) => remark(String(index), index, word)),
          [],
        );
        for (const [index, word] of odd.entries()) expect(await found(word)).toEqual([String(index)]);
        for (const word of ['i', 'train', 'zuric', 'z', '東京']) expect(await found(word)).toEqual([]);
      });

      test('finds nothing of another, whoever that is', async () => {
        const owners = ['ann', 'an', 'anna', 'ANN', 'ann lisbon', 'ann"', '', '0', '漢'];
        await store.apply(
          owners.map((owner, index) => remark(owner || 'empty', index, 'lisbon', owner)),
          [],
        );
        for (const owner of owners) expect(await found('lisbon', owner)).toEqual([owner || 'empty']);
        await store.apply(
          [{ ...remark('nobody', 99, 'lisbon'), document: { said: 99, words: ['lisbon'], id: 'nobody' } }],
          [],
        );
        expect(await found('lisbon', 'undefined')).toEqual([]);
      });

      test.each([1, 2, 3, 7, 100])('in pages of %i shows everything once, ties by id', async (limit) => {
        // Written in another order than they are found, three of a time.
        const ids = Array.from({ length: 30 }, (_, index) => `remark-${(index * 7) % 30}`);
        const at = (id: string) => Math.floor((ids.indexOf(id) * 11) / 30);
        const writes = ids.map((id) => remark(id, at(id), 'train'));
        await store.apply(writes.slice(0, 20), []);
        await store.apply(writes.slice(20), []);
        const newestFirst = ids.toSorted((left, right) => at(right) - at(left) || (left < right ? 1 : -1));
        expect(await pages('train', limit)).toEqual(newestFirst);
      });

      test('begins strictly past a place, whether or not something is there', async () => {
        await store.apply([remark('a', 1, 'x'), remark('b', 2, 'x'), remark('c', 2, 'x'), remark('d', 4, 'x')], []);
        const past = async (order: number, id: string) =>
          (await collection.search({ equals: 'ann', words: ['x'], after: { order, id }, limit: 9 })).map(
            (each) => each.id,
          );
        expect(await past(4, 'd')).toEqual(['c', 'b', 'a']);
        expect(await past(4, 'e')).toEqual(['d', 'c', 'b', 'a']);
        expect(await past(3, 'a')).toEqual(['c', 'b', 'a']);
        expect(await past(2, 'c')).toEqual(['b', 'a']);
        expect(await past(2, 'bb')).toEqual(['b', 'a']);
        expect(await past(2, '')).toEqual(['a']);
        expect(await past(0, 'z')).toEqual([]);
        expect(await past(8.64e15, '')).toEqual(['d', 'c', 'b', 'a']);
      });

      test('follows what is written, replaced and removed', async () => {
        await store.apply([remark('a', 1, 'old words'), remark('b', 2, 'old friends')], []);
        await store.apply([remark('a', 1, 'new words', 'ann', 2), remark('b', 2, 'late', 'ann', 1)], []);
        expect(await found('old')).toEqual(['b']);
        expect(await found('new words')).toEqual(['a']);
        expect(await found('late')).toEqual([]);
        await store.apply([remark('a', 1, 'new words', 'bob', 3), remark('b', 2, '', 'ann', 3)], []);
        expect(await found('words')).toEqual([]);
        expect(await found('new', 'bob')).toEqual(['a']);
        expect(await found('friends')).toEqual([]);
        await store.apply(
          [remark('b', 2, 'friends again', 'ann', 4), { ...remark('a', 1, ''), offset: 4, document: null }],
          [],
        );
        expect(await found('new', 'bob')).toEqual([]);
        expect(await found('again')).toEqual(['b']);
        await store.apply([{ ...remark('b', 2, ''), offset: 4, document: null }], []);
        expect(await found('again')).toEqual(['b']);
        await store.apply([remark('c', 5, 'first'), remark('c', 5, 'second', 'ann', 2), remark('d', 5, 'gone')], []);
        await store.apply([remark('d', 5, 'back', 'ann', 2), { ...remark('d', 5, ''), offset: 3, document: null }], []);
        expect([await found('first'), await found('second'), await found('gone'), await found('back')]).toEqual([
          [],
          ['c'],
          [],
          [],
        ]);
      });

      test('is the same through other handles, and of the generation that is read', async () => {
        await using reader = await subject.open('read');
        const read = reader.collection(remarks);
        expect(await found('train', 'ann', 9, read)).toEqual([]);
        await store.apply([remark('a', 1, 'old train')], []);
        expect(await found('train', 'ann', 9, read)).toEqual(['a']);
        const rebuild = await store.rebuild('notebook');
        const beside = rebuild.store.collection(remarks);
        await rebuild.store.apply([remark('b', 1, 'new train')], []);
        expect(await found('train', 'ann', 9, beside)).toEqual(['b']);
        expect(await found('train', 'ann', 9, read)).toEqual(['a']);
        await rebuild.activate();
        expect(await found('train', 'ann', 9, read)).toEqual(['b']);
        const dropped = await store.rebuild('notebook');
        dropped.store.collection(remarks);
        await dropped.store.apply([remark('c', 1, 'lost train')], []);
        await dropped.discard();
        expect(await found('train', 'ann', 9, read)).toEqual(['b']);
      });

      test('needs a word, and a collection that has words', async () => {
        await expect(collection.search({ equals: 'ann', words: [], limit: 1 })).rejects.toThrow(RangeError);
        const search = store.collection(notes).search({ equals: 'ann', words: ['x'], limit: 1 });
        await expect(search).rejects.toThrow(RangeError);
      });
    });

    describe('scrubbing', () => {
      test('leaves everything that was not removed', async () => {
        const collection = store.collection(notes);
        await store.apply([write('a', 1, note(1)), write('b', 1, note(2))], [{ ...checkpoint, offset: 2 }]);
        await store.apply([write('a', 2, null)], []);
        expect(await store.scrub()).toBe(true);
        expect(await store.scrub()).toBe(true);
        expect(await collection.get('a')).toBeNull();
        expect(await collection.get('b')).toEqual(note(2));
        expect(await store.checkpoint('notebook', 'events', 0)).toMatchObject({ offset: 2 });
      });
    });

    describe('checkpoints', () => {
      test('are 0 without state at first, then what was stored with the documents, each partition its own', async () => {
        store.collection(notes);
        expect(await store.checkpoint('notebook', 'events', 0)).toEqual(checkpoint);
        const stored = { ...checkpoint, offset: 7, state: { claims: ['x'] } };
        await store.apply([write('a', 6, note(1))], [stored]);
        expect(await store.checkpoint('notebook', 'events', 0)).toEqual(stored);
        expect(await store.checkpoint('notebook', 'events', 1)).toMatchObject({ offset: 0 });
        expect(await store.checkpoint('notebook', 'others', 0)).toMatchObject({ offset: 0 });
        expect(await store.checkpoint('diary', 'events', 0)).toMatchObject({ offset: 0 });
      });

      test('move without documents too', async () => {
        store.collection(notes);
        await store.apply([], [{ ...checkpoint, offset: 5 }]);
        expect(await store.checkpoint('notebook', 'events', 0)).toMatchObject({ offset: 5 });
      });
    });

    describe('other handles', () => {
      test('see what apply has answered', async () => {
        store.collection(notes);
        await using reader = await subject.open('read');
        const collection = reader.collection(notes);
        for (let offset = 0; offset < 20; offset++) {
          await store.apply([write('a', offset, note(offset))], [{ ...checkpoint, offset: offset + 1 }]);
          expect(await collection.get('a')).toEqual(note(offset));
          expect(await reader.checkpoint('notebook', 'events', 0)).toMatchObject({ offset: offset + 1 });
        }
      });

      test('find the documents and checkpoints after the writer has gone', async () => {
        store.collection(notes);
        await store.apply([write('a', 1, note(1))], [{ ...checkpoint, offset: 2 }]);
        await store[Symbol.asyncDispose]();
        await using again = await subject.open('write');
        expect(await again.collection(notes).get('a')).toEqual(note(1));
        expect(await again.checkpoint('notebook', 'events', 0)).toMatchObject({ offset: 2 });
      });

      test('a closed handle says that it is unavailable', async () => {
        const collection = store.collection(notes);
        await store[Symbol.asyncDispose]();
        await expect(store.apply([write('a', 1, note(1))], [])).rejects.toThrow(ReadModelUnavailable);
        await expect(collection.get('a')).rejects.toThrow(ReadModelUnavailable);
      });
    });

    describe('rebuilding', () => {
      test('goes on beside the live generation until it is activated, then everybody reads the new one', async () => {
        const live = store.collection(notes);
        await using reader = await subject.open('read');
        const read = reader.collection(notes);
        await store.apply(
          [write('a', 1, note(1, 'old')), write('b', 1, note(2, 'only old'))],
          [{ ...checkpoint, offset: 2 }],
        );

        const rebuild = await store.rebuild('notebook');
        const beside = rebuild.store.collection(notes);
        expect(await rebuild.store.checkpoint('notebook', 'events', 0)).toMatchObject({ offset: 0 });
        await rebuild.store.apply([write('a', 1, note(1, 'new'))], [{ ...checkpoint, offset: 3 }]);
        expect(await beside.get('a')).toMatchObject({ text: 'new' });
        expect(await live.get('a')).toMatchObject({ text: 'old' });
        expect(await read.get('a')).toMatchObject({ text: 'old' });
        expect(await reader.checkpoint('notebook', 'events', 0)).toMatchObject({ offset: 2 });

        await rebuild.activate();
        expect(await read.get('a')).toMatchObject({ text: 'new' });
        expect(await read.get('b')).toBeNull();
        expect(await reader.checkpoint('notebook', 'events', 0)).toMatchObject({ offset: 3 });
      });

      test('ends the former writer, which writes nothing more until it asks for its collections anew', async () => {
        const before = store.collection(notes);
        await store.apply([write('a', 1, note(1))], [{ ...checkpoint, offset: 2 }]);
        const rebuild = await store.rebuild('notebook');
        rebuild.store.collection(notes);
        await rebuild.activate();
        for (let attempt = 0; attempt < 2; attempt++) {
          await expect(store.apply([write('a', 2, note(2))], [{ ...checkpoint, offset: 3 }])).rejects.toThrow(
            ReadModelReplaced,
          );
          await expect(store.checkpoint('notebook', 'events', 0)).rejects.toThrow(ReadModelReplaced);
          await expect(before.load(['a'])).rejects.toThrow(ReadModelReplaced);
        }
        const after = store.collection(notes);
        expect(await after.get('a')).toBeNull();
        expect(await store.checkpoint('notebook', 'events', 0)).toMatchObject({ offset: 0 });
        await store.apply([write('a', 1, note(1))], [{ ...checkpoint, offset: 2 }]);
        expect(await after.get('a')).toEqual(note(1));
      });

      test('is activated with what was written until it was held, and readers miss nothing', async () => {
        store.collection(notes);
        await using reader = await subject.open('read');
        const read = reader.collection(notes);
        await store.apply([write('a', 1, note(1))], [{ ...checkpoint, offset: 2 }]);
        const rebuild = await store.rebuild('notebook');
        rebuild.store.collection(notes);
        await rebuild.hold();
        expect(await read.get('a')).toEqual(note(1));
        const seen = await reader.checkpoint('notebook', 'events', 0);
        await rebuild.store.apply([write('a', 1, note(1))], [seen]);
        await rebuild.activate();
        expect(await read.get('a')).toEqual(note(1));
        expect(await reader.checkpoint('notebook', 'events', 0)).toEqual(seen);
        store.collection(notes);
        await store.apply([write('a', 2, note(2))], [{ ...checkpoint, offset: 3 }]);
        expect(await read.get('a')).toEqual(note(2));
      });

      test('that is dropped, or replaced by another, leaves nothing behind', async () => {
        const live = store.collection(notes);
        await store.apply([write('a', 1, note(1, 'old'))], [{ ...checkpoint, offset: 2 }]);
        const dropped = await store.rebuild('notebook');
        dropped.store.collection(notes);
        await dropped.store.apply([write('x', 1, note(1))], [{ ...checkpoint, offset: 9 }]);
        await dropped.discard();
        expect(await live.get('a')).toMatchObject({ text: 'old' });
        const abandoned = await store.rebuild('notebook');
        abandoned.store.collection(notes);
        await abandoned.store.apply([write('x', 1, note(1))], [{ ...checkpoint, offset: 9 }]);
        const last = await store.rebuild('notebook');
        const collection = last.store.collection(notes);
        expect(await collection.get('x')).toBeNull();
        expect(await last.store.checkpoint('notebook', 'events', 0)).toMatchObject({ offset: 0 });
      });
    });

    describe('versions', () => {
      test('a raised version begins the model again', async () => {
        store.collection(notes);
        await store.apply([write('a', 1, note(1))], [{ ...checkpoint, offset: 2 }]);
        const raised = store.collection({ ...notes, version: 2, indexes: { byText: { equals: [], order: 'text' } } });
        expect(await raised.get('a')).toBeNull();
        expect(await store.checkpoint('notebook', 'events', 0)).toMatchObject({ offset: 0 });
        await store.apply([write('a', 1, note(1))], []);
        expect(await raised.page({ index: 'byText', equals: [], limit: 10 })).toHaveLength(1);
      });

      test('a newer one than this program knows is refused', async () => {
        store.collection({ ...notes, version: 2 });
        expect(() => store.collection(notes)).toThrow(ReadModelTooNew);
      });
    });
  });
}
