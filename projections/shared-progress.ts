/** A model and how many partitions it is made from. */
export interface ModelPartitions {
  readonly model: string;
  readonly partitions: number;
}

/**
 * How far each partition has been folded, in memory that threads share: one cell that counts who waits, then the next offset of each
 * partition of each model. Reading it costs nothing, and nobody is told anything unless somebody waits.
 */
export class SharedProgress {
  readonly memory: SharedArrayBuffer;
  readonly #cells: BigInt64Array;
  readonly #slots: ReadonlyMap<string, number>;

  /** Both sides name the models in the same order; the second is given the memory of the first. */
  constructor(models: readonly ModelPartitions[], memory?: SharedArrayBuffer) {
    let next = 1;
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

  /** Whether somebody waits. Asked after `set`; who waits says so and then looks again: so no progress is missed. */
  get isAwaited(): boolean {
    return Atomics.load(this.#cells, 0) > 0n;
  }

  addWaiting(change: 1 | -1): void {
    Atomics.add(this.#cells, 0, BigInt(change));
  }

  #slot(model: string, partition: number): number {
    const first = this.#slots.get(model);
    if (first === undefined) throw new Error(`no model ${model}`);
    return first + partition;
  }
}
