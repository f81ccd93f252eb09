import fc from 'fast-check';
import type { CollectionSpec, DocumentWrite, ReadModelStore } from '../ports/read-model.ts';
import { type Note, notes, noteWrite, upTo } from './notes.ts';

// Few of each, so that there are ties, repeats and changes; some look like something else to a query. None is between U+E000 and U+FFFF: the
// stand-in orders texts by UTF-16 units, which is another order only for those; MongoDB orders them as the port says.
const ids = ['a', 'b', 'B', 'é', '漢', '😀', '$gt', 'a.b', '%'];
const owners = ['ann', 'an', 'ANN', '', '漢字', '$ne'];
const words = ['zürich', 'zurich', 'train', 'trains', '東', 'ß', 'ss', '7'];

const { search: _search, ...unsearched } = notes;
const plain: CollectionSpec<Note> = { ...unsearched, name: 'plain' };

const whole = fc.integer({ min: 0, max: 4 });
const note: fc.Arbitrary<Note> = fc.record(
  {
    owner: fc.constantFrom(...owners),
    rank: whole,
    text: fc.array(fc.constantFrom(...words), { maxLength: 4 }).map((said) => said.join(' ')),
  },
  { requiredKeys: ['rank', 'text'] },
);
/** Of the collection that is not searched: the order may be any number, or missing, and change. */
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
const batches = fc.array(fc.array(write, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 4 });
const oddities = fc.array(odd, { maxLength: 3 });
const questions = fc.record({
  limit: fc.integer({ min: 1, max: 5 }),
  owner: fc.constantFrom(...owners, 'nobody'),
  after: fc.option(fc.record({ order: fc.constantFrom(-2, 0, 0.25, 1, 2, 3, 99), id: fc.constantFrom('', ...ids) })),
  words: fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 2 }),
  beginnings: fc.array(fc.constantFrom('z', 'zu', 'train', 's', '東', '7', '8'), { minLength: 1, maxLength: 2 }),
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
      return [noteWrite(id, offset, document && { ...document, rank: rankOf(id) }), plainWrite(id, offset, document)];
    }),
  );
  return [...found, strange.map((document, index) => plainWrite(`odd ${index}`, newest + 1, document))];
}

/** What a search is ordered by never changes. */
function rankOf(id: string): number {
  return ids.indexOf(id) % 4;
}

function plainWrite(id: string, offset: number, document: Note | null): DocumentWrite {
  return { ...noteWrite(id, offset, document), collection: plain.name };
}

type Question = typeof questions extends fc.Arbitrary<infer Q> ? Q : never;

/** What a store is given, batch by batch, and what it is asked then. */
export interface StoreHistory {
  readonly writes: readonly (readonly DocumentWrite[])[];
  readonly question: Question;
}

/** Any documents of the notes' kind, with repeats, late writes and removals. */
export const histories: fc.Arbitrary<StoreHistory> = fc
  .tuple(batches, oddities, questions)
  .map(([steps, strange, question]) => ({ writes: placed(steps, strange), question }));

/** All that an empty store answers once it has been given this. */
export async function answersOf(store: ReadModelStore, { writes, question }: StoreHistory) {
  const { limit, owner, words: wanted, beginnings } = question;
  const after = question.after === null ? {} : { after: question.after };
  const collection = store.collection(notes);
  const plainOnes = store.collection(plain);
  for (const [index, batch] of writes.entries()) await store.apply(batch, [upTo(index + 1)]);
  const pages = [false, true].flatMap((descending) => [
    collection.page({ index: 'byOwner', equals: [owner], descending, limit, ...after }),
    collection.page({ index: 'byRank', equals: [], descending, limit, ...after }),
    plainOnes.page({ index: 'byOwner', equals: [owner], descending, limit, ...after }),
    plainOnes.page({ index: 'byRank', equals: [], descending, limit, ...after }),
    plainOnes.page({ index: 'byRank', equals: [], descending, limit: 100 }),
  ]);
  const searches = words.map((word) => collection.search({ equals: owner, words: [word], limit: 100 }));
  const loaded = collection.load([...ids, 'nobody']);
  return Promise.all([
    ...ids.map((id) => collection.get(id)),
    loaded.then((found) => [...found].sort(([left], [right]) => (left < right ? -1 : 1))),
    collection.scan('', 100),
    collection.scan('a', limit),
    plainOnes.scan('', 100),
    ...pages,
    ...searches,
    collection.search({ equals: owner, words: wanted, limit, ...after }),
    collection.search({ equals: owner, words: [], beginnings, limit, ...after }),
    collection.search({ equals: owner, words: wanted, beginnings, limit: 100 }),
    collection.count('byOwner', [owner]),
    plainOnes.count('byRank', []),
    store.checkpoint(notes.model, 'events', 0),
  ]);
}
