/** Shards of a map: one is copied per write, so a write costs about size / 128, plus this many pointers. */
const shardCount = 128;

/** FNV-1a over UTF-16 units, folded to a shard. No verdict depends on it, only the order of iteration does. */
function shardOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 16)) & (shardCount - 1);
}

type Shards<V> = readonly (ReadonlyMap<string, V> | undefined)[];

/**
 * A map that never changes: each write gives a new one that shares what it did not touch. Copying a plain Map at every
 * write would do for 50 entries, and is a hundred times slower for 10,000. Iteration is by shard, within it in order of
 * insertion: the same for every reader, and the same after entries were listed and inserted again.
 */
export class PersistentMap<V> implements ReadonlyMap<string, V> {
  readonly size: number;
  readonly #shards: Shards<V>;

  private constructor(shards: Shards<V>, size: number) {
    this.#shards = shards;
    this.size = size;
  }

  /** A map of these entries. */
  static of<V>(entries: Iterable<readonly [string, V]> = []): PersistentMap<V> {
    return new PersistentMap<V>(new Array<undefined>(shardCount).fill(undefined), 0).setAll(entries);
  }

  get(key: string): V | undefined {
    return this.#shards[shardOf(key)]?.get(key);
  }

  has(key: string): boolean {
    return this.#shards[shardOf(key)]?.has(key) ?? false;
  }

  /** With this entry. */
  set(key: string, value: V): PersistentMap<V> {
    const index = shardOf(key);
    const old = this.#shards[index];
    const shard = new Map(old);
    shard.set(key, value);
    const shards = this.#shards.slice();
    shards[index] = shard;
    return new PersistentMap(shards, this.size + shard.size - (old?.size ?? 0));
  }

  /** With these entries; each shard is copied once at most. */
  setAll(entries: Iterable<readonly [string, V]>): PersistentMap<V> {
    return this.#write((writable) => {
      for (const [key, value] of entries) writable(key).set(key, value);
    });
  }

  /** Without this entry. */
  delete(key: string): PersistentMap<V> {
    return this.has(key) ? this.deleteAll([key]) : this;
  }

  /** Without these entries; each shard is copied once at most. */
  deleteAll(keys: Iterable<string>): PersistentMap<V> {
    return this.#write((writable) => {
      for (const key of keys) writable(key).delete(key);
    });
  }

  *entries(): Generator<[string, V], undefined, unknown> {
    for (const shard of this.#shards) if (shard !== undefined) yield* shard;
  }

  *keys(): Generator<string, undefined, unknown> {
    for (const shard of this.#shards) if (shard !== undefined) yield* shard.keys();
  }

  *values(): Generator<V, undefined, unknown> {
    for (const shard of this.#shards) if (shard !== undefined) yield* shard.values();
  }

  [Symbol.iterator](): Generator<[string, V], undefined, unknown> {
    return this.entries();
  }

  forEach(visit: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    for (const shard of this.#shards) {
      if (shard !== undefined) for (const [key, value] of shard) visit(value, key, this);
    }
  }

  #write(change: (writable: (key: string) => Map<string, V>) => void): PersistentMap<V> {
    const shards = this.#shards.slice();
    const copies = new Map<number, Map<string, V>>();
    change((key) => {
      const index = shardOf(key);
      const copy = copies.get(index) ?? new Map(shards[index]);
      copies.set(index, copy);
      return copy;
    });
    let size = this.size;
    for (const [index, copy] of copies) {
      size += copy.size - (shards[index]?.size ?? 0);
      shards[index] = copy.size === 0 ? undefined : copy;
    }
    return new PersistentMap(shards, size);
  }
}
