import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { TokenStore as KeptTokens, StoredTokens } from '../../client/saved-tokens.ts';
import { fileNameOf, makePrivateFolder, readPrivateJson, stateFolder, writePrivateJson } from '../private-file.ts';
import { Trouble } from '../trouble.ts';

/** Whoever holds the lock makes one call, which is given up after 10 s: older than this, its process has died. */
const LOCK_STALE_MS = 15_000;
/** As often as nobody notices, and the disk does not either. */
const LOCK_POLL_MS = 50;

/** Who is signed in at one server, for every process of this user. */
export class TokenStore implements KeptTokens {
  readonly path: string;
  readonly #lockPath: string;

  /** @param server as a URL */
  constructor(stateHome: string | undefined, server: string) {
    this.path = join(stateFolder(stateHome), 'accounts', `${fileNameOf(server)}.json`);
    this.#lockPath = `${this.path}.lock`;
  }

  read(): StoredTokens | undefined {
    const found = Object(readPrivateJson(this.path));
    const isWhole =
      TEXTS.every((name) => typeof found[name] === 'string') && TIMES.every((name) => Number.isFinite(found[name]));
    return isWhole ? found : undefined;
  }

  write(tokens: StoredTokens): void {
    writePrivateJson(this.path, tokens);
  }

  remove(): void {
    rmSync(this.path, { force: true });
  }

  async alone<Result>(action: () => Promise<Result>): Promise<Result> {
    makePrivateFolder(dirname(this.path));
    while (!this.#takeLock()) await delay(LOCK_POLL_MS);
    try {
      return await action();
    } finally {
      rmSync(this.#lockPath, { force: true });
    }
  }

  #takeLock(): boolean {
    try {
      const file = openSync(this.#lockPath, 'wx', 0o600);
      writeSync(file, String(process.pid));
      closeSync(file);
      return true;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'EEXIST') throw new Trouble(`${this.#lockPath} cannot be made: ${message}.`);
      this.#dropStaleLock();
      return false;
    }
  }

  /** Two that find the same dead lock in the same moment may both pass; then one of them has to sign in again. */
  #dropStaleLock(): void {
    const made = statSync(this.#lockPath, { throwIfNoEntry: false })?.mtimeMs;
    if (made !== undefined && Date.now() - made > LOCK_STALE_MS) rmSync(this.#lockPath, { force: true });
  }
}

const TEXTS = ['accessToken', 'refreshToken', 'clientId', 'userName'] as const satisfies (keyof StoredTokens)[];
const TIMES = ['obtainedAtMs', 'lifetimeMs'] as const satisfies (keyof StoredTokens)[];
