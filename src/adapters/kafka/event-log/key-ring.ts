import { createSecretKey, type KeyObject } from 'node:crypto';
import { LogTruncated, LogUnavailable } from '../../../ports/event-log.ts';
import type { Logger } from '../../../ports/telemetry.ts';
import { maxCurrentKeys, maxFetchPartitionBytes, maxKnownGone, maxSecrets } from './limits.ts';
import type { Reader } from './reader.ts';
import type { StoredRecord } from './record-batch.ts';
import { decodeMark, type ReleaseMark, releaseMarkKey } from './release-mark.ts';
import { type DataKey, dataKeyBytes, makeDataKey, type Place } from './sealing.ts';

/**
 * The data keys that there are: a fold of the keys topic, where each key is a record under its id, and a destroyed one a record without a value.
 * A key is there before anything that it seals.
 */
export class KeyRing {
  readonly #topic: string;
  readonly #reader: Reader;
  readonly #logger: Logger;
  readonly #stopping = new AbortController();
  /** By id, as a string of bytes: a third of what as many buffers take. */
  readonly #keys = new Map<string, string>();
  /** Keys that were just used, ready for use: as many as are read at once. */
  readonly #secrets = new Map<string, KeyObject>();
  /** Ids that have no key any more: they will not have one again. */
  readonly #gone = new Set<string>();
  /** The last one that the topic holds. */
  #mark: ReleaseMark | undefined;
  #position = 0;
  #following: Promise<void> = Promise.resolve();
  #syncing: Promise<void> | undefined;
  #nextSync: Promise<void> | undefined;

  constructor(topic: string, reader: Reader, logger: Logger) {
    this.#topic = topic;
    this.#reader = reader;
    this.#logger = logger;
  }

  /** Follows the topic until `stop`: first to its end, in pages, then as it grows. */
  start(): void {
    this.#following = this.#follow();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#following;
  }

  /** The key; undefined when it was destroyed, or is not known yet: then `isKnown` is false. */
  key(id: string): KeyObject | undefined {
    const used = this.#secrets.get(id);
    if (used !== undefined) return used;
    const key = this.#keys.get(id);
    if (key === undefined) return undefined;
    const secret = createSecretKey(key, 'latin1');
    if (this.#secrets.size >= maxSecrets) this.#secrets.clear();
    this.#secrets.set(id, secret);
    return secret;
  }

  /** Which release wrote last, as far as is known: undefined for none that said so. */
  get mark(): ReleaseMark | undefined {
    return this.#mark;
  }

  /** Whether there is such a key, as far as is known. */
  has(id: string): boolean {
    return this.#keys.has(id);
  }

  /** Whether it is certain that there is such a key, or that there is none any more. */
  isKnown(id: string): boolean {
    return this.#keys.has(id) || this.#gone.has(id);
  }

  /** Whether the key was destroyed, as far as is known. */
  isGone(id: string): boolean {
    return this.#gone.has(id);
  }

  /** The key was stored by this process, at this offset of the topic. */
  add(id: string, key: Buffer, offset: number): void {
    if (offset >= this.#position) this.#keys.set(id, key.toString('latin1'));
  }

  /** No such key was found in all of the topic. */
  noteGone(id: string): void {
    if (this.#gone.size >= maxKnownGone) this.#gone.clear();
    this.#gone.add(id);
  }

  /** Resolves when everything is known that the topic holds at this moment. Rejects with LogUnavailable. */
  sync(): Promise<void> {
    if (this.#syncing === undefined) return this.#begin();
    // A run in progress may have read the end too early; all callers meanwhile share the next.
    this.#nextSync ??= this.#syncing
      .catch(() => undefined)
      .then(() => {
        this.#nextSync = undefined;
        return this.#begin();
      });
    return this.#nextSync;
  }

  #begin(): Promise<void> {
    const syncing = this.#readToEnd().finally(() => {
      if (this.#syncing === syncing) this.#syncing = undefined;
    });
    this.#syncing = syncing;
    return syncing;
  }

  /** Compaction may have left nothing before the end, so that no record shows that it was reached. */
  async #readToEnd(): Promise<void> {
    const end = await this.#reader.endOffset(this.#topic, 0);
    while (this.#position < end) {
      const from = this.#position;
      const { records, nextOffset } = await this.#reader.page(this.#topic, 0, from, maxFetchPartitionBytes, true);
      this.#fold(records);
      this.#position = Math.max(this.#position, nextOffset === from ? end : nextOffset);
    }
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.sync();
        for await (const records of this.#reader.tail(this.#topic, 0, this.#position, signal, true))
          this.#fold(records);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof LogTruncated) {
          this.#beginAgain(error);
          continue;
        }
        // A missing key is looked up when its id is met.
        this.#logger.warn({ topic: this.#topic, err: error }, 'cannot follow the topic of keys; trying again');
        if (!(error instanceof LogUnavailable)) await new Promise((resolve) => setTimeout(resolve, 1_000));
      }
    }
  }

  /**
   * The cached keys are of a topic that was truncated: a lost key must encrypt nothing more, for no other process could decrypt it. The next lookup of
   * an id syncs first.
   */
  #beginAgain({ offset, endOffset }: LogTruncated): void {
    const about = { topic: this.#topic, offset, endOffset };
    this.#logger.error(about, 'the topic of keys is shorter than it was; reading it from the beginning');
    this.#keys.clear();
    this.#secrets.clear();
    this.#gone.clear();
    this.#position = 0;
  }

  /** Each record counts once, whichever way it came. */
  #fold(records: readonly StoredRecord[]): void {
    for (const { offset, key: id, value } of records) {
      if (offset < this.#position) continue;
      this.#position = offset + 1;
      if (id === releaseMarkKey) this.#mark = value === null ? undefined : decodeMark(value);
      else if (value === null) {
        this.#keys.delete(id);
        this.#secrets.delete(id);
        this.noteGone(id);
      } else if (value.length === dataKeyBytes) this.#keys.set(id, Buffer.from(value).toString('latin1'));
      else this.#logger.error({ topic: this.#topic, offset }, 'a record of the keys topic cannot be decoded');
    }
  }
}

/** A key to seal with. */
interface CurrentKey extends DataKey {
  /** Resolves when the key is stored; nothing that it seals may be stored before. undefined: it is. */
  readonly stored: Promise<void> | undefined;
}

/** Stores a key; answers with its offset in the keys topic. */
type StoreKey = (key: DataKey) => Promise<number>;

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

  /** The key for what is now said in a place. */
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
    // Whoever seals with it waits for it; nobody may.
    stored.catch(() => undefined);
    return { ...key, stored };
  }

  #trim(): void {
    if (this.#keys.size <= maxCurrentKeys) return;
    const [oldest] = this.#keys.keys();
    if (oldest !== undefined) this.#keys.delete(oldest);
  }
}
