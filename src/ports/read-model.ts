/**
 * Read models: collections of documents, each stored with the log position it reflects.
 *
 * Atomicity: one document. `apply` may write its documents in any grouping and order, but the checkpoints are stored only
 * after (or with) all of them; a checkpoint and its state are one document.
 * Idempotence: a write whose position is not after the stored document's is ignored, so repeats and replays change nothing.
 * Visibility: what `apply` has answered, every later read sees, also through other handles on the same store.
 * One writer at a time per model and partition; any number of readers.
 * Everything here can be made again from the log: a store that finds itself damaged may begin again empty, all checkpoints 0.
 */
export interface ReadModelStore extends AsyncDisposable {
  /**
   * The collection of this name, created with its indexes if it is not there. Known to `apply` from then on. A store that holds only other versions of it
   * begins its model again, empty: in the place of the older one, or beside the others. Throws ReadModelTooNew when a newer one has the place. A handle
   * that writes keeps to the generation that is live at the last such call: once another is, all it does with the model rejects with ReadModelReplaced.
   */
  collection<D extends Document>(spec: CollectionSpec<D>): Collection<D>;

  /**
   * Writes the documents, then the checkpoints. Rejects with ReadModelUnavailable or ReadModelReplaced; with the latter, nothing written, when
   * less is stored as one of these checkpoints than this handle has read or stored: an older copy took the store's place.
   */
  apply(writes: readonly DocumentWrite[], checkpoints: readonly Checkpoint[]): Promise<void>;

  /** How far a partition has been folded into a model; offset 0 and no state when it never was. Rejects as `apply`. */
  checkpoint(model: string, topic: string, partition: number): Promise<Checkpoint>;

  /**
   * Begins a new, empty generation of a model beside the live one. A generation begun earlier and never activated is dropped.
   * Only on handles that write.
   */
  rebuild(model: string): Promise<Rebuild>;

  /**
   * Takes what was removed, or replaced by something else, out of the store's files too, where it still is. Cheap when there is nothing to
   * do. False when something kept it from being done: ask again later. Rejects as `apply`.
   */
  scrub(): Promise<boolean>;
}

/** A generation of a model that nobody reads yet. */
export interface Rebuild {
  /** Reads and writes the new generation of this model; its collections are asked for as usual. Closed with the store it came from. */
  readonly store: ReadModelStore;
  /**
   * Writers of the live one get ReadModelUnavailable from now on until this one is activated or dropped, for some seconds at most; resolves
   * when what they had begun is stored. What readers have seen by then this one can be given before it is activated, so that nothing
   * vanishes from them at the switch.
   */
  hold(): Promise<void>;
  /** Makes it the live one, for all handles and in one step. A writer of the former one gets ReadModelReplaced. */
  activate(): Promise<void>;
  /** Drops it. */
  discard(): Promise<void>;
}

/** An object of JSON values; fields that are `undefined` are dropped. */
export type Document = object;

/** A collection's name and the fields it is asked by. */
export interface CollectionSpec<D extends Document> {
  /** Of the alphabet [a-z_], unique over all models. */
  readonly name: string;
  /** The read model it belongs to: checkpoints and rebuilds are by model. */
  readonly model: string;
  /** Of its documents and indexes: raised by one with every change of what a fold of the same events gives. */
  readonly version: number;
  readonly indexes: Readonly<Record<string, CollectionIndex<D>>>;
  /** By which words its documents are found; without it `search` throws. */
  readonly search?: SearchIndex<D>;
  /** Fields of indexes that never change once a document is there: such an index is not touched by later writes. */
  readonly constant?: readonly (keyof D & string)[];
}

/**
 * Equality fields first, then one field of order (number or string, one type throughout); the id breaks ties. A document that
 * lacks one of the fields is not in the index, so that an index of few among many costs little.
 */
export interface CollectionIndex<D extends Document> {
  readonly equals: readonly (keyof D & string)[];
  readonly order: keyof D & string;
}

/** Documents by the words they hold. Another engine finds the same, because it is told the words and does not look for them. */
export interface SearchIndex<D extends Document> {
  /** A string field: a search is among the documents with one value of it. */
  readonly equals: keyof D & string;
  /** A time in milliseconds since the epoch, whole, that never changes once a document is there. */
  readonly order: keyof D & string;
  /** The words of a document, as domain/conversation/search-words.ts gives them, in any order. A document without words is not found. */
  words(document: D): readonly string[];
}

/** A search: largest order first, the id breaks ties (largest first by code points, too). */
export interface SearchQuery {
  readonly equals: string;
  /** All of them must be in the document. */
  readonly words: readonly string[];
  /** For each, a word that begins with it must be in the document: costs in proportion to how often such words occur. Of words and beginnings at least one. */
  readonly beginnings?: readonly string[];
  /** Only documents strictly past this place. */
  readonly after?: Place;
  readonly limit: number;
}

/** One document to write or remove. */
export interface DocumentWrite {
  readonly collection: string;
  readonly id: string;
  /** null removes it. */
  readonly document: Document | null;
  /** The offset of the newest event it reflects. A document is only ever written from one partition. */
  readonly offset: number;
  /** There was none of this id when the writer looked: a store may insert first, and look only when there is one. */
  readonly isNew?: boolean;
}

/** How far one partition has been folded into one model. */
export interface Checkpoint {
  readonly model: string;
  readonly topic: string;
  readonly partition: number;
  /** The offset of the next record needed. */
  readonly offset: number;
  /** What the fold must know of the records before `offset` beside the documents: small, e.g. the partition's current claim. */
  readonly state: Document | null;
}

/** A place in an index. */
export interface Place {
  readonly order: string | number;
  readonly id: string;
}

/** A page to read, by one index. */
export interface PageQuery {
  readonly index: string;
  /** Values of the index's equality fields, in its order. */
  readonly equals: readonly (string | number)[];
  /** Only documents strictly past this place in the direction read. */
  readonly after?: Place;
  readonly descending?: boolean;
  readonly limit: number;
}

/** A document and the offset of the newest event it reflects. */
export interface Stored<D extends Document> {
  readonly id: string;
  readonly document: D;
  readonly offset: number;
}

export interface Collection<D extends Document> {
  get(id: string): Promise<D | null>;
  /** Several at once, with their positions; those that are not there are left out. */
  load(ids: readonly string[]): Promise<ReadonlyMap<string, Stored<D>>>;
  page(query: PageQuery): Promise<readonly D[]>;
  /** Throws RangeError where the collection has no search index, or the query neither word nor beginning. */
  search(query: SearchQuery): Promise<readonly D[]>;
  /** Every document by id ascending, from after the given id on (all: ''): for comparing and exporting. */
  scan(afterId: string, limit: number): Promise<readonly Stored<D>[]>;
  /** How many documents have these equality values. */
  count(index: string, equals: readonly (string | number)[]): Promise<number>;
  /** What a field of numbers comes to in all of these; a document without it adds nothing. */
  sum(index: string, equals: readonly (string | number)[], field: keyof D & string): Promise<number>;
}

/** The store cannot be read or written now. */
export class ReadModelUnavailable extends Error {
  override readonly name = 'ReadModelUnavailable';
  readonly retryable = true;
}

/**
 * The model has another generation, or the store began again empty. Nothing was written, and nothing will be until the model's
 * collections are asked for anew; then fold on from its checkpoints.
 */
export class ReadModelReplaced extends Error {
  override readonly name = 'ReadModelReplaced';
  readonly retryable = true;
}

/** A later release wrote this; starting that release, or removing the read models (they are made again from the log), is the next step. */
export class ReadModelTooNew extends Error {
  override readonly name = 'ReadModelTooNew';
  readonly retryable = false;
}
