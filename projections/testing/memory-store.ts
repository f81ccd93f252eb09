import type {
  Checkpoint,
  Collection,
  CollectionSpec,
  Document,
  DocumentWrite,
  PageQuery,
  Place,
  ReadModelStore,
  Rebuild,
  Stored,
} from '../../src/ports/read-model.ts';

/** The process died while it wrote. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

/**
 * Read models in memory, for tests of folds: as much of the port as folding uses. Like a store without transactions it may die between any
 * two documents, having written them in any order, and before the checkpoint.
 */
export class MemoryStore implements ReadModelStore {
  readonly #documents = new Map<string, Map<string, Stored<Document>>>();
  readonly #checkpoints = new Map<string, Checkpoint>();
  /** Shuffles a batch's documents and says how many of them are written before the process dies; undefined: all, and the checkpoint. */
  crash: ((writes: DocumentWrite[]) => number | undefined) | undefined;

  collection<D extends Document>(spec: CollectionSpec<D>): Collection<D> {
    const stored = this.#documents.get(spec.name) ?? new Map<string, Stored<Document>>();
    this.#documents.set(spec.name, stored);
    const find = (id: string) => structuredClone(stored.get(id)) as Stored<D> | undefined;
    return {
      get: async (id) => find(id)?.document ?? null,
      load: async (ids) => new Map(ids.flatMap((id) => find(id) ?? []).map((found) => [found.id, found])),
      search: unsupported,
      page: async (query) => pageOf(spec, [...stored.values()] as Stored<D>[], query),
      scan: unsupported,
      count: unsupported,
    };
  }

  async apply(writes: readonly DocumentWrite[], checkpoints: readonly Checkpoint[]): Promise<void> {
    const ordered = [...writes];
    const written = this.crash?.(ordered);
    for (const write of ordered.slice(0, written)) this.#write(write);
    if (written !== undefined) throw new Crash();
    for (const checkpoint of checkpoints) this.#checkpoints.set(keyOf(checkpoint), structuredClone(checkpoint));
  }

  async checkpoint(model: string, topic: string, partition: number): Promise<Checkpoint> {
    const place = { model, topic, partition };
    return this.#checkpoints.get(keyOf(place)) ?? { ...place, offset: 0, state: null };
  }

  rebuild(): Promise<Rebuild> {
    return unsupported();
  }

  async scrub(): Promise<boolean> {
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#documents.clear();
  }

  /** Every document, by collection and id. */
  everything(): Record<string, unknown> {
    const entries = [...this.#documents].flatMap(([name, stored]) =>
      [...stored].map(([id, { document }]): [string, unknown] => [
        `${name}/${id}`,
        JSON.parse(JSON.stringify(document)),
      ]),
    );
    return Object.fromEntries(entries.sort(([left], [right]) => (left < right ? -1 : 1)));
  }

  #write({ collection, id, document, offset }: DocumentWrite): void {
    const stored = this.#documents.get(collection);
    if (stored === undefined) throw new Error(`unknown collection ${collection}`);
    if ((stored.get(id)?.offset ?? -1) >= offset) return;
    if (document === null) stored.delete(id);
    else stored.set(id, structuredClone({ id, document, offset }));
  }
}

/** By sorting everything. */
function pageOf<D extends Document>(
  spec: CollectionSpec<D>,
  stored: readonly Stored<D>[],
  { index: name, equals, after, descending = false, limit }: PageQuery,
): readonly D[] {
  const index = spec.indexes[name];
  if (index === undefined) throw new Error(`${spec.name} has no index ${name}`);
  const placed = stored
    .filter(({ document }) => document[index.order] !== undefined)
    .filter(({ document }) => index.equals.every((field, position) => document[field] === equals[position]))
    .map(({ id, document }) => ({ place: { order: document[index.order] as string | number, id }, document }))
    .sort((left, right) => comparePlaces(left.place, right.place));
  const inOrder = descending ? placed.reverse() : placed;
  const past = after === undefined ? inOrder : inOrder.filter(({ place }) => isPast(place, after, descending));
  return past.slice(0, limit).map(({ document }) => structuredClone(document));
}

function isPast(place: Place, after: Place, descending: boolean): boolean {
  return descending ? comparePlaces(place, after) < 0 : comparePlaces(place, after) > 0;
}

function comparePlaces(left: Place, right: Place): number {
  if (left.order !== right.order) return left.order < right.order ? -1 : 1;
  return left.id < right.id ? -1 : Number(left.id > right.id);
}

function keyOf({ model, topic, partition }: Pick<Checkpoint, 'model' | 'topic' | 'partition'>): string {
  return `${model}/${topic}/${partition}`;
}

async function unsupported(): Promise<never> {
  throw new Error('folding needs no such thing');
}
