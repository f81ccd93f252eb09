import { setTimeout as sleep } from 'node:timers/promises';
import type { Span } from '../driver/load.ts';
import type { Member } from '../system/servers.ts';

export interface Kill {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly what: string;
}

/** Kills one process after the other with -9 and starts it again. */
export class Killer implements AsyncDisposable {
  readonly #members: readonly Member[];
  readonly #everyMs: Span;
  readonly #random: () => number;
  readonly #calm = new AbortController();
  readonly #failed = new AbortController();
  #killing: Promise<readonly Kill[]> | undefined;

  constructor(members: readonly Member[], everyMs: Span, random: () => number) {
    this.#members = members;
    this.#everyMs = everyMs;
    this.#random = random;
  }

  /** Aborted when a process did not come back. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  begin(): void {
    if (this.#killing !== undefined) return;
    this.#killing = this.#kill();
    this.#killing.catch((error: unknown) => this.#failed.abort(error));
  }

  /** No process is killed any more. */
  end(): void {
    this.#calm.abort();
  }

  /** Ends it; resolves when the last process is back. Rejects when one did not come back. */
  async ended(): Promise<readonly Kill[]> {
    this.end();
    return (await this.#killing) ?? [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end();
    // What failed is told by `failed` and `ended`.
    await this.#killing?.catch(() => undefined);
  }

  async #kill(): Promise<readonly Kill[]> {
    const { signal } = this.#calm;
    const { min, max } = this.#everyMs;
    const kills: Kill[] = [];
    for (;;) {
      // Aborted: nobody is killed any more, which is no error.
      await sleep(min + this.#random() * (max - min), undefined, { signal }).catch(() => undefined);
      const member = this.#members[Math.floor(this.#random() * this.#members.length)];
      if (signal.aborted || member === undefined) return kills;
      const [begun, atMs] = [performance.now(), Date.now()];
      await member.killAndRestart();
      kills.push({ atMs, what: `kill -9 ${member.name}, back after ${Math.round(performance.now() - begun)} ms` });
    }
  }
}
