import type { ParleyEvent } from '../../src/ports/event-codec.ts';
import type { CollectionSpec, Document, Place } from '../../src/ports/read-model.ts';

/** An event and its place in its partition. */
export interface Entry<E extends ParleyEvent> {
  readonly event: E;
  readonly offset: number;
  readonly timeMs: number;
}

/** Names one document. */
export interface DocumentKey {
  readonly collection: string;
  readonly id: string;
}

/** The documents that a fold works on: those it said it touches are there. */
export interface Documents {
  get<D extends Document>(collection: string, id: string): D | null;
  /**
   * The document after the event at this offset, which the function gives from the document before. Documents that already reflect the
   * event are left as they are: after a restart some may be ahead of the checkpoint.
   */
  update<D extends Document>(
    collection: string,
    id: string,
    offset: number,
    project: (before: D | null) => D | null,
  ): D | null;
  /**
   * As `update`, of a document that the event names only together with others, so that it is not among those touched. It happens when all entries are
   * folded, in their order.
   */
  updateLater<D extends Document>(
    collection: string,
    id: string,
    offset: number,
    project: (before: D | null) => D,
  ): void;
  /** Stores a document that only this event can give, unless it is there. It need not be named among those touched. */
  create(collection: string, id: string, offset: number, document: Document): void;
}

/** Documents that an event removes without knowing their ids: all that an index of a collection has under these values. */
export interface Purge<D extends Document = Document> {
  readonly collection: string;
  readonly index: string;
  readonly equals: readonly (string | number)[];
  /** The document's id, and its place in the index. */
  placeOf(document: D): Place;
  /** What is left of it; null: nothing. */
  remains(document: D): D | null;
}

/**
 * How the events of one topic become the documents of one model. Pure: the same entries from the same state give the same documents.
 *
 * Rules for a model: a document is written from one partition only. Content leaves its documents by `purges`, which scrub the store's files, too.
 */
export interface Projection<E extends ParleyEvent = ParleyEvent> {
  readonly model: string;
  readonly topic: 'connections' | 'conversations';
  readonly collections: readonly CollectionSpec<never>[];
  /** Its batches begin at least so long after each other: of a model that nobody waits for, with a document that is large. */
  readonly leastIntervalMs?: number;
  /** The documents that must be loaded before the event is folded. */
  touches(event: E, partition: number): readonly DocumentKey[];
  /**
   * What the event removes, before it is folded. The result must be the same when the event, and others before it, are folded again after a partial
   * removal.
   */
  purges?(event: E): readonly Purge[];
  /** Folds the entries into the documents. Takes and gives what must be known of earlier events beside the documents. */
  fold(state: Document | null, entries: readonly Entry<E>[], partition: number, documents: Documents): Document | null;
}
