import type { Clock } from '../../ports/clock.ts';
import type { MediaReferences } from '../../ports/history.ts';
import type { MediaStore, StoredMedia } from '../../ports/media-store.ts';
import type { Logger } from '../../ports/telemetry.ts';
import type { Conversations } from '../gateway/conversations.ts';

export interface SweepMetrics {
  /** So many objects, and their bytes together, were removed because no message names them. */
  mediaSwept(objects: number, bytes: number): void;
}

export interface MediaSweeperDeps {
  readonly store: Pick<MediaStore, 'list' | 'delete' | 'removePartial'>;
  readonly references: MediaReferences;
  readonly conversations: Pick<Conversations, 'allWhole'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: SweepMetrics;
  readonly settings: { readonly sweepIntervalMs: number; readonly uploadLifetimeMs: number };
}

/** What one look has removed. */
export interface Swept {
  readonly objects: number;
  readonly bytes: number;
}

/**
 * Removes media that no message names: uploads that were never used, inline media of messages that were refused after all, media of attempts
 * that failed, and the halves that interrupted uploads left.
 *
 * An object goes when it is older than the upload lifetime (then no message may name it any more that does not already) and no message of a
 * living conversation names it at two looks in a row. One look is not enough: a message may have been found in order just before the object
 * came of age, and be on its way into the log, where this look cannot see it; by the next one it is there.
 */
export class MediaSweeper {
  readonly #deps: MediaSweeperDeps;
  readonly #stopping = new AbortController();
  /** What the look before found unused. */
  #suspects: ReadonlySet<string> = new Set();
  #sweeping: Promise<void> = Promise.resolve();

  constructor(deps: MediaSweeperDeps) {
    this.#deps = deps;
  }

  /** Looks at every interval from now on. */
  start(): void {
    this.#sweeping = this.#run();
  }

  /** Ends after the object at hand. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#sweeping;
  }

  /** One look. Rejects with MediaUnavailable, ReadModelUnavailable, LogUnavailable or Refused HISTORY_BEHIND; then nothing is known to be unused. */
  async look(): Promise<Swept> {
    const { store, clock, settings } = this.#deps;
    const before = this.#suspects;
    this.#suspects = new Set();
    await store.removePartial(settings.uploadLifetimeMs);
    const ofAgeMs = clock.nowMs() - settings.uploadLifetimeMs;
    const suspects = new Set<string>();
    let [objects, bytes] = [0, 0];
    for await (const batch of store.list()) {
      const old = batch.filter(({ createTimeMs }) => createTimeMs <= ofAgeMs);
      for (const { mediaId, sizeBytes } of await this.#unnamed(old)) {
        if (this.#stopping.signal.aborted) return { objects, bytes };
        if (!before.has(mediaId)) {
          suspects.add(mediaId);
          continue;
        }
        await store.delete(mediaId);
        objects += 1;
        bytes += sizeBytes;
      }
    }
    this.#suspects = suspects;
    return { objects, bytes };
  }

  async #unnamed(batch: readonly StoredMedia[]): Promise<readonly StoredMedia[]> {
    if (batch.length === 0) return [];
    const { conversations, references } = this.#deps;
    // A history that began again meanwhile would know of no message that names them.
    const counts = await conversations.allWhole(() => references.references(batch.map(({ mediaId }) => mediaId)));
    return batch.filter(({ mediaId }) => (counts.get(mediaId) ?? 0) === 0);
  }

  async #run(): Promise<void> {
    const { clock, logger, metrics, settings } = this.#deps;
    const { signal } = this.#stopping;
    for (;;) {
      await clock.sleep(settings.sweepIntervalMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        const { objects, bytes } = await this.look();
        metrics.mediaSwept(objects, bytes);
        if (objects > 0) logger.info({ objects, bytes }, 'removed media that no message names');
      } catch (error) {
        logger.warn({ err: error }, 'the sweep of unused media failed; the next one starts over');
      }
    }
  }
}
