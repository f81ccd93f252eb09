import type { TransferAnswer } from '../../../../../src/client/transfer-failed.ts';
import type { PutOptions } from '../../../../../src/client/uploads.ts';
import { MemoryStorage } from '../memory-storage.ts';
import type { Page } from '../page.ts';

/** The locks of one browser: this process has those of all in one. */
export function newLocks(): LockManager {
  const prefix = `${crypto.randomUUID()}/`;
  const all = navigator.locks as { request(...how: unknown[]): Promise<unknown> };
  const request = (name: string, ...how: unknown[]) => all.request(prefix + name, ...how);
  const own = (locks: LockInfo[] = []) =>
    locks.flatMap(({ name = '', ...lock }) =>
      name.startsWith(prefix) ? [{ ...lock, name: name.slice(prefix.length) }] : [],
    );
  const query = async () => {
    const { held, pending } = await navigator.locks.query();
    return { held: own(held), pending: own(pending) };
  };
  return { request, query } as LockManager;
}

/** A page that a test turns about; tabs of one browser share a store. */
export class TestPage implements Page {
  readonly apiUrl: string;
  readonly store: Storage;
  readonly tabStore: Storage = new MemoryStorage();
  readonly isSecure = true;
  readonly locks: LockManager;
  readonly timeZone = 'Europe/Berlin';
  readonly visited: string[] = [];
  isThere = true;
  #url = 'http://localhost/chat/';
  readonly #returning = new Set<() => void>();
  readonly #stored = new Set<(key: string | null) => void>();

  constructor(apiUrl: string, store: Storage = new MemoryStorage(), locks = navigator.locks) {
    this.apiUrl = apiUrl;
    this.store = store;
    this.locks = locks;
  }

  isOnline(): boolean {
    return this.isThere;
  }

  async canShow(): Promise<boolean> {
    return true;
  }

  async put(url: string, body: Blob, { headers, onProgress, signal }: PutOptions): Promise<TransferAnswer> {
    try {
      const answer = await fetch(url, { method: 'PUT', headers, body, signal: signal ?? null });
      onProgress?.(body.size);
      return { status: answer.status, statusText: answer.statusText, body: await answer.text() };
    } catch (error) {
      if (error instanceof TypeError) return { status: 0, statusText: '', body: '' };
      throw error;
    }
  }

  onChange(listener: () => void): () => void {
    this.#returning.add(listener);
    return () => this.#returning.delete(listener);
  }

  onStored(listener: (key: string | null) => void): () => void {
    this.#stored.add(listener);
    return () => this.#stored.delete(listener);
  }

  /** The network has gone or come. */
  goOnline(isThere: boolean): void {
    this.isThere = isThere;
    for (const listener of this.#returning) listener();
  }

  /** Another tab has changed what is stored. */
  storedElsewhere(key: string | null): void {
    for (const listener of this.#stored) listener(key);
  }

  /** Always in the middle. */
  random(): number {
    return 0.5;
  }

  url(): string {
    return this.#url;
  }

  replaceUrl(url: string): void {
    this.#url = url;
  }

  leaveFor(url: string): void {
    this.visited.push(url);
  }
}
