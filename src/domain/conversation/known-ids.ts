/** V8 refuses a Map of more than 2^24 entries; a generation ends well before. */
const maxGenerationIds = 2 ** 23;

/** Generations of a window: with more its size varies less, but a lookup reads more maps. Nearly every id that is looked up is new, so each is read. */
const windowSteps = 2;

/** Ids and where each was first seen, shared by every version grown from it. */
interface SharedIds {
  readonly offsets: Map<string, number>;
  /** The greatest offset in it: who is at this offset may add in place. */
  last: number;
}

/**
 * One version of a growing set. Versions share one map: what a later version added lies at greater offsets, so an earlier one
 * does not see it. Only the newest version adds in place; any other first copies what it sees. Folding a log, which is
 * a straight line of versions, costs one map entry per id.
 */
class Generation {
  readonly #shared: SharedIds;
  readonly last: number;
  readonly size: number;

  constructor(shared: SharedIds, last: number, size: number) {
    this.#shared = shared;
    this.last = last;
    this.size = size;
  }

  static empty(): Generation {
    return new Generation({ offsets: new Map(), last: -1 }, -1, 0);
  }

  offsetOf(id: string): number | undefined {
    const offset = this.#shared.offsets.get(id);
    return offset !== undefined && offset <= this.last ? offset : undefined;
  }

  add(id: string, offset: number): Generation {
    const shared = this.#shared.last === this.last && this.size > 0 ? this.#shared : this.#copy();
    shared.offsets.set(id, offset);
    shared.last = offset;
    return new Generation(shared, offset, this.size + 1);
  }

  #copy(): SharedIds {
    const offsets = new Map<string, number>();
    for (const [id, offset] of this.#shared.offsets) if (offset <= this.last) offsets.set(id, offset);
    return { offsets, last: this.last };
  }
}

/** The ids that a fold has met, each with the offset where it first did. Immutable and exact; adding costs O(1). */
export class KnownIds {
  static readonly none = new KnownIds([], Generation.empty(), 0);

  readonly #older: readonly Generation[];
  readonly #newest: Generation;
  /** Ids first met before this offset may have been dropped. */
  readonly completeFrom: number;

  private constructor(older: readonly Generation[], newest: Generation, completeFrom: number) {
    this.#older = older;
    this.#newest = newest;
    this.completeFrom = completeFrom;
  }

  get size(): number {
    return this.#older.reduce((sum, generation) => sum + generation.size, this.#newest.size);
  }

  has(id: string): boolean {
    return this.offsetOf(id) !== undefined;
  }

  /** Where the id was first met. */
  offsetOf(id: string): number | undefined {
    const offset = this.#newest.offsetOf(id);
    if (offset !== undefined) return offset;
    for (const generation of this.#older) {
      const earlier = generation.offsetOf(id);
      if (earlier !== undefined) return earlier;
    }
    return undefined;
  }

  /** With an id that is not in it; offsets must grow from one call to the next. */
  add(id: string, offset: number): KnownIds {
    if (this.#newest.size < maxGenerationIds) {
      return new KnownIds(this.#older, this.#newest.add(id, offset), this.completeFrom);
    }
    return new KnownIds([...this.#older, this.#newest], Generation.empty().add(id, offset), this.completeFrom);
  }

  /**
   * A window on the newest ids: `minIds`, and up to half as many more. Ids at `neededFrom` or later are never dropped.
   * The same object when there is nothing to drop yet, so calling it often is cheap.
   */
  trim(minIds: number, neededFrom: number): KnownIds {
    const stepIds = Math.ceil(minIds / windowSteps);
    const [oldest] = this.#older;
    const isKept = oldest === undefined || this.size - oldest.size < minIds || oldest.last >= neededFrom;
    if (!isKept) return new KnownIds(this.#older.slice(1), this.#newest, oldest.last + 1).trim(minIds, neededFrom);
    // While nothing may be dropped no generation is added to them: a lookup asks each.
    if (this.#newest.size < stepIds || this.#older.length > windowSteps) return this;
    return new KnownIds([...this.#older, this.#newest], Generation.empty(), this.completeFrom);
  }
}
