/** A model and how many partitions it is made from. */
export interface ModelPartitions {
  readonly model: string;
  readonly partitions: number;
}

/** Cells before those of the partitions. */
const waitingCell = 0;
const epochCell = 1;
const storeCell = 2;
const firstSlot = 3;

/** No store: one is about to take the place of another. */
const noStore = 0;

/**
 * How far each partition has been folded, in memory shared by threads: the number of waiters, of restarts of the store, the store's id, then the next
 * offset of each partition of each model. Reading it costs nothing, and a message is sent only if there are waiters.
 */
export class SharedProgress {
  readonly memory: SharedArrayBuffer;
  readonly #cells: BigInt64Array;
  readonly #slots: ReadonlyMap<string, number>;

  /** Both sides name the models in the same order; the second is given the memory of the first. */
  constructor(models: readonly ModelPartitions[], memory?: SharedArrayBuffer) {
    let next = firstSlot;
    const slots = new Map<string, number>();
    for (const { model, partitions } of models) {
      slots.set(model, next);
      next += partitions;
    }
    this.#slots = slots;
    this.memory = memory ?? new SharedArrayBuffer(next * BigInt64Array.BYTES_PER_ELEMENT);
    this.#cells = new BigInt64Array(this.memory);
  }

  /** The offset of the next record that the partition of the model needs. */
  get(model: string, partition: number): number {
    return Number(Atomics.load(this.#cells, this.#slot(model, partition)));
  }

  set(model: string, partition: number, nextOffset: number): void {
    Atomics.store(this.#cells, this.#slot(model, partition), BigInt(nextOffset));
  }

  /** Whether there are waiters. Checked after `set`; a waiter registers and then checks again, so no progress is missed. */
  get isAwaited(): boolean {
    return Atomics.load(this.#cells, waitingCell) > 0n;
  }

  addWaiting(change: 1 | -1): void {
    Atomics.add(this.#cells, waitingCell, BigInt(change));
  }

  /** How often the store has begun again: what was read between two looks at the same number was read of one store. */
  get epoch(): bigint {
    return Atomics.load(this.#cells, epochCell);
  }

  /** Whether this is the store that the progress is of, by its inode. */
  isOf(store: number): boolean {
    return Atomics.load(this.#cells, storeCell) === BigInt(store);
  }

  /** The progress is of this store from now on. */
  open(store: number): void {
    Atomics.store(this.#cells, storeCell, BigInt(store));
  }

  /**
   * Nothing is folded any more. Called before another store can be read in the place of the former: a reader that saw the offsets before they fell
   * sees another epoch after it has read.
   */
  beginAgain(): void {
    Atomics.store(this.#cells, storeCell, BigInt(noStore));
    for (let slot = firstSlot; slot < this.#cells.length; slot++) Atomics.store(this.#cells, slot, 0n);
    Atomics.add(this.#cells, epochCell, 1n);
  }

  #slot(model: string, partition: number): number {
    const first = this.#slots.get(model);
    if (first === undefined) throw new Error(`no model ${model}`);
    return first + partition;
  }
}
