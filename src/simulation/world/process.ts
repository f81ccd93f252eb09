import type { Clock } from '../../ports/clock.ts';
import { Random } from './random.ts';
import type { Scheduler, Task } from './scheduler.ts';

/** What a request to a server outside the process takes, each way. */
export interface Latency {
  readonly thereMs: number;
  readonly backMs: number;
}

/** The wall clock at virtual time 0: any will do. */
export const epochMs = Date.UTC(2026, 0, 5, 9);

/**
 * A simulated process. Everything that its code waits for comes from here: it can die, after which nothing of it happens any more, and
 * freeze, after which everything that was due happens when it wakes up, in order.
 */
export class SimulatedProcess {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly #scheduler: Scheduler;
  #isAlive = true;
  #isFrozen = false;
  #backlog: (() => void)[] = [];
  #pending = 0;
  #runningSinceMs: number;
  /** How far its wall clock is ahead of others', milliseconds. */
  wallSkewMs = 0;

  constructor(name: string, scheduler: Scheduler, seed: number) {
    this.name = name;
    this.#scheduler = scheduler;
    this.#runningSinceMs = scheduler.nowMs;
    this.random = new Random(seed, `process/${name}`);
    this.clock = {
      nowMs: () => Math.floor(epochMs + scheduler.nowMs + this.wallSkewMs),
      monotonicMs: () => scheduler.nowMs,
      sleep: (ms, signal) => this.#sleep(ms, signal),
    };
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  /** Takes part in what happens: neither dead nor frozen. */
  get isRunning(): boolean {
    return this.#isAlive && !this.#isFrozen;
  }

  /** Since when it has not been frozen, virtual milliseconds. */
  get runningSinceMs(): number {
    return this.#runningSinceMs;
  }

  /** Timers and answers that it waits for. */
  get pending(): number {
    return this.#pending;
  }

  kill(): void {
    this.#isAlive = false;
    this.#backlog = [];
  }

  freeze(): void {
    this.#isFrozen = true;
  }

  thaw(): void {
    this.#isFrozen = false;
    this.#runningSinceMs = this.#scheduler.nowMs;
    const due = this.#backlog;
    this.#backlog = [];
    for (const run of due) this.later(0, run);
  }

  /** Runs this in the process after so long: never if it is dead then, and when it wakes up if it is frozen. */
  later(ms: number, run: () => void): Task {
    this.#pending += 1;
    return this.#scheduler.after(ms, () => {
      this.#pending -= 1;
      this.#take(run);
    });
  }

  /** Resolves in the process after so long. */
  hop(ms: number): Promise<void> {
    return new Promise((resolve) => this.later(ms, resolve));
  }

  /** What `perform` gives at the server, which does it whatever becomes of the process meanwhile. */
  request<T>(latency: Latency, perform: () => Promise<T> | T): Promise<T> {
    return new Promise((resolve, reject) => {
      const answer = (settle: () => void) => this.later(latency.backMs, settle);
      this.#scheduler.after(latency.thereMs, () => {
        void (async () => perform())().then(
          (value) => answer(() => resolve(value)),
          (error: unknown) => answer(() => reject(error)),
        );
      });
    });
  }

  #take(run: () => void): void {
    if (!this.#isAlive) return;
    if (this.#isFrozen) this.#backlog.push(run);
    else run();
  }

  #sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        if (task.run !== undefined) {
          this.#scheduler.cancel(task);
          this.#pending -= 1;
        }
        reject(signal?.reason);
      };
      const task = this.later(ms, () => {
        signal?.removeEventListener('abort', onAbort);
        // A frozen process may find that the signal aborted while it slept.
        if (!signal?.aborted) resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}
