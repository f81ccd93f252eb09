import type { Checkpoint, Document, DocumentWrite, ReadModelStore } from '../../../ports/read-model.ts';
import { MemoryReadModelHandle } from './memory-read-model-handle.ts';
import { ModelState } from './model-state.ts';
import { compareTexts } from './sorted-index.ts';

/** What the server had at some moment. */
export interface ReadModelSnapshot {
  readonly models: ReadonlyMap<string, ModelState>;
}

/**
 * Read models of processes that share an object instead of an engine, each with its own handle. Nothing here waits or fails by itself. Documents are
 * frozen and passed to readers without a copy. As in MongoDB, a removed document keeps its offset, and checkpoints only rise.
 */
export class MemoryReadModelServer {
  /**
   * Called with the documents of each apply: may change their order, and says how many of them are written before the apply rejects with
   * ReadModelUnavailable, its checkpoints not stored; undefined: all. A store without transactions may stop between any two documents.
   */
  interrupt: ((writes: DocumentWrite[]) => number | undefined) | undefined;
  /** Raised when all that writers knew of the store stops being true. */
  epoch = 0;
  #models = new Map<string, ModelState>();
  readonly #nowMs: () => number;

  /** `nowMs`: never runs backwards. Only holds of writers lapse by it; without it none does. */
  constructor(nowMs: () => number = () => 0) {
    this.#nowMs = nowMs;
  }

  /** A process's handle: one that writes makes collections and generations, one that reads changes nothing. */
  handle(mode: 'read' | 'write'): ReadModelStore {
    return new MemoryReadModelHandle(this, mode, null, { isClosed: false });
  }

  /** A copy of everything, which later writes do not change. */
  snapshot(): ReadModelSnapshot {
    return { models: copyOf(this.#models) };
  }

  /**
   * Replaces the stores by the copy. Writers get ReadModelReplaced until they reopen their collections; `unnoticed`: without notice, as when a database
   * is restored beneath them.
   */
  restore({ models }: ReadModelSnapshot, { unnoticed = false }: { readonly unnoticed?: boolean } = {}): void {
    this.#models = copyOf(models);
    if (!unnoticed) this.epoch += 1;
  }

  /** Begins again empty, as a store does that found itself damaged. Writers get ReadModelReplaced until they ask for their collections anew. */
  clear(): void {
    this.#models = new Map();
    this.epoch += 1;
  }

  /** Every document of the live generations by `<collection>/<id>`, in order; of one model, or of all. */
  everything(model?: string): Record<string, Document> {
    const found: [string, Document][] = [];
    for (const [name, state] of this.#models) {
      if (model !== undefined && name !== model) continue;
      for (const [collection, table] of state.generations.get(state.live)?.tables ?? [])
        for (const id of table.ids()) found.push([`${collection}/${id}`, table.stored(id)?.document as Document]);
    }
    return Object.fromEntries(found.sort(([left], [right]) => compareTexts(left, right)));
  }

  /** Every checkpoint of the live generations. */
  checkpoints(): readonly Checkpoint[] {
    return [...this.#models.values()].flatMap(({ generations, live }) => [
      ...(generations.get(live)?.checkpoints.values() ?? []),
    ]);
  }

  /** The model, as it is or, when nobody wrote it, as it begins. */
  model(name: string): ModelState {
    const known = this.#models.get(name) ?? new ModelState();
    this.#models.set(name, known);
    return known;
  }

  nowMs(): number {
    return this.#nowMs();
  }
}

function copyOf(models: ReadonlyMap<string, ModelState>): Map<string, ModelState> {
  return new Map([...models].map(([name, state]) => [name, state.copy()]));
}
