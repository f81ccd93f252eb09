import type { Clock } from '../../src/ports/clock.ts';
import type { HistoryProgress, WholeAnswer } from '../../src/ports/history.ts';
import { type ReadModelStore, ReadModelUnavailable } from '../../src/ports/read-model.ts';

/** Between two looks while somebody waits: a read of one small document. */
const awaitedPollMs = 10;

/** Poll interval without waiters: the maximum delay until a lost checkpoint is noticed. */
const idlePollMs = 1_000;

/** Who has waited long enough is told so at most this much later. */
const expiryMs = 50;

interface Waiter {
  readonly partition: number;
  readonly offset: number;
  /** By the monotonic clock. */
  readonly untilMs: number;
  settle(reached: boolean): void;
  fail(error: unknown): void;
}

export interface PolledProgressOptions {
  readonly store: ReadModelStore;
  readonly clock: Clock;
  readonly model: string;
  readonly topic: string;
  readonly partitions: number;
  /** The store is not what this release can read. */
  readonly onFault: (error: unknown) => void;
}

/** Progress of a model that another process writes: polled from the store, usually only while there are waiters. */
export class PolledProgress implements HistoryProgress, AsyncDisposable {
  readonly #options: PolledProgressOptions;
  readonly #known: number[];
  readonly #waiters = new Set<Waiter>();
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #awaited = Promise.withResolvers<void>();
  /** Until nobody waits any more. */
  #expiring: Promise<void> | undefined;

  constructor(options: PolledProgressOptions) {
    this.#options = options;
    this.#known = Array.from({ length: options.partitions }, () => 0);
    this.#running = this.#run().catch(options.onFault);
  }

  checkpoint(partition: number): number {
    return this.#known[partition] ?? 0;
  }

  /** Rejects with ReadModelUnavailable. */
  async reached(partition: number, offset: number, timeoutMs: number): Promise<boolean> {
    if (this.checkpoint(partition) >= offset) return true;
    if (this.#stopping.signal.aborted) return false;
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const untilMs = this.#options.clock.monotonicMs() + timeoutMs;
    const waiter: Waiter = { partition, offset, untilMs, settle: resolve, fail: reject };
    this.#waiters.add(waiter);
    this.#awaited.resolve();
    this.#expiring ??= this.#expire();
    try {
      return await promise;
    } finally {
      this.#waiters.delete(waiter);
    }
  }

  /** Checkpoints are read before and after the result: known ones may belong to a store that was replaced since. */
  async whole<T>(
    upTo: ReadonlyMap<number, number>,
    timeoutMs: number,
    ask: () => Promise<T>,
  ): Promise<WholeAnswer<T> | null> {
    const places = [...upTo];
    const look = () => Promise.all(places.map(([partition]) => this.#read(partition)));
    await look();
    const reached = await Promise.all(places.map(([partition, offset]) => this.reached(partition, offset, timeoutMs)));
    if (!reached.every(Boolean)) return null;
    const answer = await ask();
    await look();
    return places.every(([partition, offset]) => this.checkpoint(partition) >= offset) ? { answer } : null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    this.#awaited.resolve();
    for (const waiter of this.#waiters) waiter.settle(false);
    await this.#running;
    await this.#expiring;
  }

  /** One timer for all: each connect waits for every partition, and aborting one timer each created unused errors with stacks. */
  async #expire(): Promise<void> {
    const { signal } = this.#stopping;
    while (this.#waiters.size > 0 && !signal.aborted) {
      const nowMs = this.#options.clock.monotonicMs();
      let nextMs = nowMs + expiryMs;
      for (const waiter of this.#waiters) {
        if (waiter.untilMs <= nowMs) waiter.settle(false);
        else nextMs = Math.min(nextMs, waiter.untilMs);
      }
      await this.#sleep(nextMs - nowMs, signal);
    }
    this.#expiring = undefined;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#look();
      if (this.#waiters.size > 0) await this.#sleep(awaitedPollMs, signal);
      else await this.#idle(signal);
    }
  }

  async #look(): Promise<void> {
    const asked = this.#waiters.size > 0 ? [...this.#waiters] : [];
    const partitions = new Set(asked.length > 0 ? asked.map(({ partition }) => partition) : this.#known.keys());
    try {
      await Promise.all([...partitions].map((partition) => this.#read(partition)));
    } catch (error) {
      if (!(error instanceof ReadModelUnavailable)) throw error;
      for (const waiter of asked) waiter.fail(error);
    }
    for (const waiter of asked) if (this.checkpoint(waiter.partition) >= waiter.offset) waiter.settle(true);
  }

  async #read(partition: number): Promise<void> {
    const { store, model, topic } = this.#options;
    this.#known[partition] = (await store.checkpoint(model, topic, partition)).offset;
  }

  async #idle(signal: AbortSignal): Promise<void> {
    this.#awaited = Promise.withResolvers();
    if (this.#waiters.size > 0 || signal.aborted) return;
    const hurried = new AbortController();
    await Promise.race([this.#awaited.promise, this.#sleep(idlePollMs, AbortSignal.any([signal, hurried.signal]))]);
    hurried.abort();
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.clock.sleep(ms, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
