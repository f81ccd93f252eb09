import type { KeyRing } from './key-ring.ts';
import { maxCurrentKeys } from './limits.ts';
import { type DataKey, makeDataKey, type Place } from './sealing.ts';

/** A key to seal with. */
export interface CurrentKey extends DataKey {
  /** Resolves when the key is stored; nothing that it seals may be stored before. undefined: it is. */
  readonly stored: Promise<void> | undefined;
}

/** Stores a key; answers with its offset in the keys topic. */
export type StoreKey = (key: DataKey) => Promise<number>;

/** The keys that this process seals with: one for each conversation that is written to, made when it first is. */
export class CurrentKeys {
  readonly #ring: KeyRing;
  readonly #store: StoreKey;
  /** The one used last is last. */
  readonly #keys = new Map<string, CurrentKey>();

  constructor(ring: KeyRing, store: StoreKey) {
    this.#ring = ring;
    this.#store = store;
  }

  /** The current key of a place. */
  for({ topic, partition, key }: Place): CurrentKey {
    const name = `${topic}/${partition}/${key}`;
    const found = this.#keys.get(name);
    this.#keys.delete(name);
    const current = found === undefined || this.#isLost(found) ? this.#make(name) : found;
    this.#keys.set(name, current);
    this.#trim();
    return current;
  }

  /** It was destroyed, or is stored no more: the keys topic may have lost its end. */
  #isLost({ id, stored }: CurrentKey): boolean {
    return this.#ring.isGone(id) || (stored === undefined && !this.#ring.has(id));
  }

  #make(name: string): CurrentKey {
    const key = makeDataKey();
    const replace = (by: CurrentKey | undefined) => {
      if (this.#keys.get(name)?.id !== key.id) return;
      if (by === undefined) this.#keys.delete(name);
      else this.#keys.set(name, by);
    };
    const stored = this.#store(key).then(
      (offset) => {
        this.#ring.add(key.id, key.bytes, offset);
        replace({ ...key, stored: undefined });
      },
      (error: unknown) => {
        // It may or may not be stored: it will seal nothing, and the next record has another.
        replace(undefined);
        throw error;
      },
    );
    // Callers that encrypt with it await it; others need not.
    stored.catch(() => undefined);
    return { ...key, stored };
  }

  #trim(): void {
    if (this.#keys.size <= maxCurrentKeys) return;
    const [oldest] = this.#keys.keys();
    if (oldest !== undefined) this.#keys.delete(oldest);
  }
}
