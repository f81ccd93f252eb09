import type { Appended, EventLog, LogRecord, NewRecord } from '../../ports/event-log.ts';
import { LogUnavailable } from '../../ports/event-log.ts';
import type { Faults } from '../world/faults.ts';
import type { SimulatedProcess } from '../world/process.ts';

/** Nobody waits longer for an append, as the adapter on Kafka has it. */
const appendTimeoutMs = 5_000;

/** The longest that an append takes to the log when nothing strikes. */
const usualAppendMs = 2;

/** The longest that a slow append takes: well past a lease. */
const slowestAppendMs = 40_000;

/** The longest that a reader is kept from a record that is there. */
const longestLagMs = 25_000;

/** What becomes of an append. */
interface Fate {
  readonly isWritten: boolean;
  /** What its caller is told. */
  readonly outcome: 'written' | 'not-written' | 'unknown';
  readonly thereMs: number;
  /** When its caller is told, from the call on. */
  readonly toldAfterMs: number;
}

/**
 * The log as a process has it over a network: appends may be refused, written without an answer or lost without one, and take longer than
 * leases; each reader sees a record when the generator says. The order that the port promises is kept.
 */
export class LogOverNetwork implements EventLog {
  readonly #log: EventLog;
  readonly #process: SimulatedProcess;
  readonly #faults: Faults;
  /** When the last append of this process reaches each partition. */
  readonly #reachesMs = new Map<string, number>();

  constructor(log: EventLog, process: SimulatedProcess, faults: Faults) {
    this.#log = log;
    this.#process = process;
    this.#faults = faults;
  }

  /** An append that is on its way to the partition holds up those behind it. */
  isHeldUp(topic: string, partition: number): boolean {
    return (this.#reachesMs.get(`${topic}/${partition}`) ?? 0) > this.#process.clock.monotonicMs() + usualAppendMs;
  }

  partitions(topic: string): number {
    return this.#log.partitions(topic);
  }

  async append(records: readonly NewRecord[]): Promise<readonly Appended[]> {
    const process = this.#process;
    const fate = this.#fate();
    const thereMs = this.#inOrder(records, fate);
    const latency = { thereMs, backMs: Math.max(0, fate.toldAfterMs - fate.thereMs) };
    if (fate.outcome === 'written') return process.request(latency, () => this.#arrive(records));
    if (fate.isWritten) void process.request(latency, () => this.#arrive(records)).catch(() => undefined);
    await process.hop(fate.toldAfterMs);
    throw new LogUnavailable(`append: ${fate.outcome}`, fate.outcome);
  }

  async *tail(
    topic: string,
    partition: number,
    fromOffset: number,
    signal: AbortSignal,
  ): AsyncGenerator<readonly LogRecord[]> {
    const process = this.#process;
    const batches = this.#log.tail(topic, partition, fromOffset, signal)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const batch = await this.#nextOf(batches);
        if (batch === undefined || signal.aborted) return;
        for (let next = 0; next < batch.length; ) {
          await process.hop(this.#lagMs());
          // While reading is away the connection is open, and nothing comes.
          while (this.#isAway('log-read') && !signal.aborted) await process.hop(process.random.between(50, 500));
          if (signal.aborted) return;
          const upTo = next + 1 + process.random.below(8);
          yield batch.slice(next, upTo);
          next = upTo;
        }
      }
    } finally {
      // Not awaited: a tail that waits for growth ends when its signal aborts.
      void batches.return?.();
    }
  }

  read(...where: Parameters<EventLog['read']>): Promise<readonly LogRecord[]> {
    return this.#ask(() => this.#log.read(...where));
  }

  endOffset(...where: Parameters<EventLog['endOffset']>): Promise<number> {
    return this.#ask(() => this.#log.endOffset(...where));
  }

  committed(...where: Parameters<EventLog['committed']>): Promise<number> {
    return this.#ask(() => this.#log.committed(...where));
  }

  commit(...what: Parameters<EventLog['commit']>): Promise<void> {
    return this.#ask(() => this.#log.commit(...what));
  }

  erase(...what: Parameters<EventLog['erase']>): Promise<void> {
    return this.#ask(() => this.#log.erase(...what));
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#log[Symbol.asyncDispose]();
  }

  #arrive(records: readonly NewRecord[]): Promise<readonly Appended[]> {
    if (this.#isAway('log-restored')) throw new LogUnavailable('append: the log is being restored', 'not-written');
    return this.#log.append(records);
  }

  #isAway(service: 'log-read' | 'log-write' | 'log-restored'): boolean {
    return this.#faults.isAway(service, this.#process.name);
  }

  #fate(): Fate {
    const { random } = this.#process;
    const faults = this.#faults;
    const thereMs = random.between(0.1, usualAppendMs);
    const toldAfterMs = thereMs + random.between(0.1, 2);
    const usual = { isWritten: true, outcome: 'written', thereMs, toldAfterMs } as const;
    if (this.#isAway('log-write') || this.#isAway('log-restored')) return this.#fateWhileAway(thereMs);
    if (faults.strikes('append-refused')) return { ...usual, isWritten: false, outcome: 'not-written' };
    if (faults.strikes('append-unknown-lost')) return this.#unknown(thereMs, false);
    if (faults.strikes('append-unknown-written')) return this.#unknown(thereMs, true);
    if (!faults.strikes('append-slow')) return usual;
    const slowMs = faults.stream('append-slow').logarithmic(20, slowestAppendMs);
    const written = { ...usual, thereMs: slowMs, toldAfterMs: slowMs + 1 };
    return slowMs < appendTimeoutMs ? written : { ...written, outcome: 'unknown', toldAfterMs: appendTimeoutMs };
  }

  #unknown(thereMs: number, isWritten: boolean): Fate {
    const stream = this.#faults.stream(isWritten ? 'append-unknown-written' : 'append-unknown-lost');
    // Its caller may be told before it is written.
    const lateMs = stream.chance(0.3) ? stream.between(0, 8_000) : 0;
    const toldAfterMs = stream.between(1, appendTimeoutMs);
    return { isWritten, outcome: 'unknown', thereMs: thereMs + lateMs, toldAfterMs };
  }

  #fateWhileAway(thereMs: number): Fate {
    const { random } = this.#process;
    const toldAfterMs = random.chance(0.5) ? thereMs : appendTimeoutMs;
    return { isWritten: false, outcome: random.chance(0.7) ? 'not-written' : 'unknown', thereMs, toldAfterMs };
  }

  /** How long it takes to reach the log, where no append overtakes an earlier one of this process in a partition. */
  #inOrder(records: readonly NewRecord[], fate: Fate): number {
    const nowMs = this.#process.clock.monotonicMs();
    const places = records.map(({ topic, partition }) => `${topic}/${partition}`);
    const reaches = Math.max(nowMs + fate.thereMs, ...places.map((place) => this.#reachesMs.get(place) ?? 0));
    for (const place of places) this.#reachesMs.set(place, reaches);
    return reaches - nowMs;
  }

  async #ask<T>(perform: () => Promise<T>): Promise<T> {
    const { random } = this.#process;
    if (this.#isAway('log-read') || this.#faults.strikes('log-read-error')) {
      await this.#process.hop(random.chance(0.5) ? 1 : appendTimeoutMs);
      throw new LogUnavailable('read: away', 'not-written');
    }
    return this.#process.request({ thereMs: random.between(0.1, 1), backMs: random.between(0.1, 1) }, perform);
  }

  /** How long this reader does not see what is there. */
  #lagMs(): number {
    if (!this.#faults.strikes('reader-lag')) return this.#process.random.between(0.1, 3);
    return this.#faults.stream('reader-lag').logarithmic(5, longestLagMs);
  }

  /** The error of a log that cannot be followed comes over the network, too: never to a process that is dead. */
  async #nextOf(batches: AsyncIterator<readonly LogRecord[]>): Promise<readonly LogRecord[] | undefined> {
    try {
      const { done, value } = await batches.next();
      return done === true ? undefined : value;
    } catch (error) {
      await this.#process.hop(1);
      throw error;
    }
  }
}
