import { PersistentMap } from '../persistent-map.ts';

/**
 * Ids of one generation; the newest one or two generations are remembered. A gateway repeats an append within seconds,
 * and 512 sessions do not end in that time unless hundreds of clients are refused each second.
 */
const generationSize = 512;

/** The last 512 to 1,024 distinct ids added; never changes, each addition gives a new one. */
export class RecentIds {
  static readonly none = new RecentIds(PersistentMap.of<true>(), PersistentMap.of<true>());
  readonly #young: PersistentMap<true>;
  readonly #old: PersistentMap<true>;

  private constructor(young: PersistentMap<true>, old: PersistentMap<true>) {
    this.#young = young;
    this.#old = old;
  }

  /** What `toJSON` gave. */
  static restore(json: { readonly young: readonly string[]; readonly old: readonly string[] }): RecentIds {
    const map = (ids: readonly string[]): PersistentMap<true> => PersistentMap.of(ids.map((id) => [id, true] as const));
    return new RecentIds(map(json.young), map(json.old));
  }

  has(id: string): boolean {
    return this.#young.has(id) || this.#old.has(id);
  }

  /** With this id; itself when it is remembered already. */
  add(id: string): RecentIds {
    if (this.has(id)) return this;
    if (this.#young.size < generationSize) return new RecentIds(this.#young.set(id, true), this.#old);
    return new RecentIds(PersistentMap.of([[id, true] as const]), this.#young);
  }

  toJSON(): { young: string[]; old: string[] } {
    return { young: [...this.#young.keys()], old: [...this.#old.keys()] };
  }
}
