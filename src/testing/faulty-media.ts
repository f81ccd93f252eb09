import type { MediaObject, MediaStore } from '../ports/media-store.ts';

/** A store, as far as workers use it, whose `put` and `read` go as told. */
export class FaultyMedia implements Pick<MediaStore, 'put' | 'read'> {
  /** What was stored, in order. */
  readonly stored: MediaObject[] = [];
  /** Awaited before each `put`: what rejects here has failed it. */
  beforePut: (object: MediaObject) => Promise<void> = async () => {};
  /** Awaited before each `read`: what rejects here has failed it. */
  beforeRead: (mediaId: string) => Promise<void> = async () => {};
  readonly #store: MediaStore;
  readonly #putting = new Set<Promise<void>>();

  constructor(store: MediaStore) {
    this.#store = store;
  }

  async put(object: MediaObject, bytes: Uint8Array): Promise<void> {
    await this.beforePut(object);
    const putting = this.#store.put(object, bytes);
    this.#putting.add(putting);
    try {
      await putting;
    } finally {
      this.#putting.delete(putting);
    }
    this.stored.push(object);
  }

  /** As the sweep does it. */
  delete(mediaId: string): Promise<void> {
    return this.#store.delete(mediaId);
  }

  /** Resolves when the store is done with what it was given: a worker that was stopped does not wait for that. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#putting);
  }

  async read(...args: Parameters<MediaStore['read']>): Promise<Uint8Array> {
    await this.beforeRead(args[0]);
    return this.#store.read(...args);
  }
}
