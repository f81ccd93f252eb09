import type { Account, AccountStore, SigningKey, TokenFamily } from '../../../ports/account-store.ts';
import { MemoryAccountHandle } from './memory-account-handle.ts';

/**
 * Accounts, sign-ins and signing keys of processes that share an object instead of an engine: each has a handle of its own. Nothing here waits or
 * fails by itself. What is stored is frozen and given to readers as it is.
 */
export class MemoryAccountServer {
  /** By user name in lower case. */
  readonly accounts = new Map<string, Account>();
  /** By family id. One that has expired stays until another is made. */
  readonly families = new Map<string, TokenFamily>();
  /** Oldest first. */
  signingKeys: readonly SigningKey[] = [];
  readonly #nowMs: () => number;

  /** `nowMs` says what has expired, milliseconds since the epoch. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** A process's handle. Disposed, it rejects everything with AccountStoreUnavailable; the server and other handles go on. */
  handle(): AccountStore {
    return new MemoryAccountHandle(this);
  }

  nowMs(): number {
    return this.#nowMs();
  }
}
