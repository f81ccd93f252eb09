import type { MediaObject, MediaStore } from '../ports/media-store.ts';

/** A store, as far as workers use it, whose `put` goes as told. */
export class FaultyMedia implements Pick<MediaStore, 'put' | 'read'> {
  /** What was stored, in order. */
  readonly stored: MediaObject[] = [];
  /** Awaited before each `put`: what rejects here has failed it. */
  beforePut: (object: MediaObject) => Promise<void> = async () => {};
  readonly #store: MediaStore;

  constructor(store: MediaStore) {
    this.#store = store;
  }

  async put(object: MediaObject, bytes: Uint8Array): Promise<void> {
    await this.beforePut(object);
    await this.#store.put(object, bytes);
    this.stored.push(object);
  }

  read(...args: Parameters<MediaStore['read']>): Promise<Uint8Array> {
    return this.#store.read(...args);
  }
}
