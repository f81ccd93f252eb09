import { MediaMissing, type MediaStore, MediaUnavailable } from '../ports/media-store.ts';

/**
 * The media of a message as the attempts to answer it read them. It remembers what the store failed at: the provider reports a fault of
 * reading as its own, or still waits for the bytes when its time is over, and neither is its failure.
 */
export class MediaReads {
  readonly #store: Pick<MediaStore, 'read'>;
  /** Pending reads. */
  readonly #unread = new Map<string, 'unavailable' | 'missing'>();
  /** What had to be waited for. */
  readonly #loaded = new Map<string, Uint8Array>();

  constructor(store: Pick<MediaStore, 'read'>) {
    this.#store = store;
  }

  /** `missing`: an object that was asked for is not in the store. `unavailable`: the store has not answered about one. */
  get problem(): 'none' | 'unavailable' | 'missing' {
    if (this.#unread.size === 0) return 'none';
    return [...this.#unread.values()].includes('missing') ? 'missing' : 'unavailable';
  }

  /** All bytes of the object. Rejects with MediaMissing or MediaUnavailable. */
  async read(mediaId: string): Promise<Uint8Array> {
    const loaded = this.#loaded.get(mediaId);
    if (loaded !== undefined) return loaded;
    this.#unread.set(mediaId, 'unavailable');
    try {
      const bytes = await this.#store.read(mediaId);
      this.#unread.delete(mediaId);
      return bytes;
    } catch (error) {
      if (error instanceof MediaMissing) this.#unread.set(mediaId, 'missing');
      // A defect is not a store that is away: waiting would not mend it.
      else if (!(error instanceof MediaUnavailable)) this.#unread.delete(mediaId);
      throw error;
    }
  }

  /**
   * Reads pending media, and keeps them for the next attempt: so each object is waited for once, also if reading it takes longer than an attempt may.
   * Rejects with MediaMissing or MediaUnavailable.
   */
  async load(): Promise<void> {
    for (const mediaId of [...this.#unread.keys()]) this.#loaded.set(mediaId, await this.read(mediaId));
  }
}
