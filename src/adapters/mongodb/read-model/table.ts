import { isDeepStrictEqual } from 'node:util';
import type { AnyBulkWriteOperation, Db, Filter, IndexDescription, Sort } from 'mongodb';
import type {
  CollectionIndex,
  CollectionSpec,
  Document,
  DocumentWrite,
  PageQuery,
  Place,
  SearchQuery,
  Stored,
} from '../../../ports/read-model.ts';
import { duplicatesOf, type MongoConnection } from '../connection.ts';
import { maxWritesPerCall } from './limits.ts';

/**
 * What is stored of a document. Of one that was removed its position is kept until the model is rebuilt: without it, what a writer that was
 * held up still sends would bring the document back.
 *
 *     _id        the document's id
 *     offset     its position
 *     document   the document; absent: removed
 *     tokens     its words, each once, where its collection is searched and it has any
 */
interface Row {
  readonly _id: string;
  readonly offset: number;
  readonly document?: Document;
  readonly tokens?: readonly string[];
}

type Value = string | number;

/** Of the index of words; those of a spec begin with `by`. */
const searchIndexName = 'search';

const isThere = { document: { $exists: true } };

/** One generation of a collection: `<prefix>_<collection>_<generation>`. All methods reject with ReadModelUnavailable. */
export class Table<D extends Document> {
  readonly #connection: MongoConnection;
  readonly #spec: CollectionSpec<D>;
  readonly #name: string;

  constructor(connection: MongoConnection, prefix: string, spec: CollectionSpec<D>, generation: number) {
    this.#connection = connection;
    this.#spec = spec;
    this.#name = tableName(prefix, spec.name, generation);
  }

  /** Makes the indexes that are missing, and anew those of other fields. */
  async createIndexes(): Promise<void> {
    const wanted = indexesOf(this.#spec);
    if (wanted.length === 0) return;
    const create = () => this.#rows((rows) => rows.createIndexes(wanted));
    await create();
    const found = await this.#rows((rows) => rows.indexes());
    const others = found.filter(({ name, key }) =>
      wanted.some((index) => index.name === name && !isDeepStrictEqual(index.key, key)),
    );
    if (others.length === 0) return;
    for (const { name } of others) await this.#rows((rows) => rows.dropIndex(String(name)));
    await create();
  }

  /** Each unless the stored document is not before its position. No id may occur twice. */
  async write(writes: readonly DocumentWrite[]): Promise<void> {
    for (let start = 0; start < writes.length; start += maxWritesPerCall) {
      const some = writes.slice(start, start + maxWritesPerCall);
      const known = await this.#attempt(some.map((write) => this.#operation(write)));
      // What another writer has stored of these may be what was before.
      const olderPerhaps = known.flatMap((index) => (some[index]?.isNew ? [{ ...some[index], isNew: false }] : []));
      if (olderPerhaps.length > 0) await this.#attempt(olderPerhaps.map((write) => this.#operation(write)));
    }
  }

  /** Operations refused because the id exists: this or a later state is stored, or a document is to be replaced. */
  #attempt(operations: AnyBulkWriteOperation<Row>[]): Promise<readonly number[]> {
    return this.#rows(async (rows) => {
      try {
        await rows.bulkWrite(operations, { ordered: false });
        return [];
      } catch (error) {
        return duplicatesOf(error);
      }
    });
  }

  async get(id: string): Promise<D | null> {
    const row = await this.#rows((rows) => rows.findOne({ _id: id }));
    return (row?.document as D | undefined) ?? null;
  }

  async load(ids: readonly string[]): Promise<ReadonlyMap<string, Stored<D>>> {
    const found = await this.#find({ _id: { $in: [...ids] }, ...isThere }, { _id: 1 }, ids.length);
    return new Map(found.map((stored) => [stored.id, stored]));
  }

  async page({ index: name, equals, after, descending = false, limit }: PageQuery): Promise<readonly D[]> {
    const index = this.#index(name);
    const filter = { ...equalTo(index, equals), ...orderedPast(index.order, after, descending) };
    const found = await this.#find(filter, sortBy(index.order, descending), limit);
    return found.map(({ document }) => document);
  }

  async search({ equals, words, beginnings = [], after, limit }: SearchQuery): Promise<readonly D[]> {
    const { search, name } = this.#spec;
    if (search === undefined) throw new RangeError(`${name} is not searched`);
    const place = after && { order: Number(after.order), id: after.id };
    const has = [...words, ...beginnings.map(beginningWith)].map((token) => ({ tokens: token }));
    const filter = { $and: [{ [fieldOf(search.equals)]: equals }, ...has, orderedPast(search.order, place, true)] };
    const found = await this.#find(filter, sortBy(search.order, true), limit);
    return found.map(({ document }) => document);
  }

  scan(afterId: string, limit: number): Promise<readonly Stored<D>[]> {
    return this.#find({ _id: { $gt: afterId }, ...isThere }, { _id: 1 }, limit);
  }

  count(name: string, equals: readonly Value[]): Promise<number> {
    const index = this.#index(name);
    const filter = { ...equalTo(index, equals), ...orderedPast(index.order, undefined, false) };
    return this.#rows((rows) => rows.countDocuments(filter));
  }

  async sum(name: string, equals: readonly Value[], field: keyof D & string): Promise<number> {
    const index = this.#index(name);
    const filter = { ...equalTo(index, equals), ...orderedPast(index.order, undefined, false) };
    const group = { _id: null, sum: { $sum: `$${fieldOf(field)}` } };
    const found = await this.#rows((rows) =>
      rows.aggregate<{ readonly sum: number }>([{ $match: filter }, { $group: group }]).toArray(),
    );
    return found[0]?.sum ?? 0;
  }

  #operation({ id, document, offset, isNew = false }: DocumentWrite): AnyBulkWriteOperation<Row> {
    const tokens = document === null ? [] : this.#tokensOf(document as D);
    const replacement: Row = {
      _id: id,
      offset,
      ...(document !== null && { document }),
      ...(tokens.length > 0 && { tokens }),
    };
    // Half the work for the server, and the less for its indexes.
    if (isNew) return { insertOne: { document: replacement } };
    return { replaceOne: { filter: { _id: id, offset: { $lt: offset } }, replacement, upsert: true } };
  }

  #tokensOf(document: D): readonly string[] {
    const { search } = this.#spec;
    if (search === undefined || typeof document[search.equals] !== 'string') return [];
    return [...new Set(search.words(document))];
  }

  async #find(filter: Filter<Row>, sort: Sort, limit: number): Promise<readonly Stored<D>[]> {
    // A limit of 0 would be none.
    if (limit < 1) return [];
    const projection = { tokens: 0 };
    const options = { projection, sort, limit, batchSize: limit };
    const found = await this.#rows((rows) => rows.find(filter, options).toArray());
    return found.map(({ _id, document, offset }) => ({ id: _id, document: document as D, offset }));
  }

  #rows<T>(call: (rows: ReturnType<typeof rowsIn>) => Promise<T>): Promise<T> {
    return this.#connection.use((database) => call(rowsIn(database, this.#name)));
  }

  #index(name: string): CollectionIndex<D> {
    const index = this.#spec.indexes[name];
    if (index === undefined) throw new Error(`${this.#spec.name} has no index ${name}`);
    return index;
  }
}

/** Names of collections are the program's own, of the alphabet [a-z_]. */
export function tableName(prefix: string, collection: string, generation: number): string {
  return `${prefix}_${collection}_${generation}`;
}

function rowsIn(database: Db, name: string) {
  return database.collection<Row>(name);
}

function fieldOf(field: string): string {
  return `document.${field}`;
}

/** They hold only documents that have all of the fields: queries say so too, which is what lets the server use them. */
function indexesOf<D extends Document>({ indexes, search }: CollectionSpec<D>): IndexDescription[] {
  const found: IndexDescription[] = Object.entries(indexes).map(([name, { equals, order }]) => {
    const fields = [...equals, order].map(fieldOf);
    return { name, key: { ...each(fields, 1), _id: 1 }, partialFilterExpression: each(fields, { $exists: true }) };
  });
  if (search !== undefined) {
    found.push({
      name: searchIndexName,
      key: { [fieldOf(search.equals)]: 1, tokens: 1, [fieldOf(search.order)]: -1, _id: -1 },
      partialFilterExpression: { tokens: { $exists: true } },
    });
  }
  return found;
}

function each<V>(fields: readonly string[], value: V): Record<string, V> {
  return Object.fromEntries(fields.map((field) => [field, value]));
}

function equalTo(index: CollectionIndex<never>, values: readonly Value[]): Record<string, unknown> {
  return Object.fromEntries(index.equals.map((field, position) => [fieldOf(field), values[position] ?? null]));
}

/** A range, which the index is walked by: MongoDB compares texts by their UTF-8. */
function beginningWith(beginning: string): { readonly $elemMatch: Record<string, string> } {
  return { $elemMatch: { $gte: beginning, $lt: `${beginning}\u{10ffff}` } };
}

/** Has the field of order, and is strictly past the place: one range of the index, of whose first value some are left out by id. */
function orderedPast(order: string, after: Place | undefined, descending: boolean): Record<string, unknown> {
  const field = fieldOf(order);
  if (after === undefined) return { [field]: { $ne: null } };
  const [past, from] = descending ? (['$lt', '$lte'] as const) : (['$gt', '$gte'] as const);
  return {
    [field]: { [from]: after.order },
    $or: [{ [field]: { [past]: after.order } }, { _id: { [past]: after.id } }],
  };
}

function sortBy(order: string, descending: boolean): Sort {
  const direction = descending ? -1 : 1;
  return { [fieldOf(order)]: direction, _id: direction };
}
