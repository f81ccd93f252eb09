import { setTimeout as sleep } from 'node:timers/promises';
import { type Appended, type EventLog, type LogRecord, LogUnavailable } from '../../../../ports/event-log.ts';

/** The wait of a caller that was refused, before it repeats. */
const repeatMs = 50;

const text = new TextEncoder();

interface Acknowledged extends Appended {
  readonly content: string;
}

/**
 * Callers that append to a log without a pause, each to one partition and one record after the other, and repeat what was refused, as the
 * application does; and what they were told.
 */
export class Appenders {
  readonly acknowledged: Acknowledged[] = [];
  readonly refusalsMs: number[] = [];
  /** How often a record may be in the log, of those that may be there more than once: each refusal that could not say adds one. */
  readonly copies = new Map<string, number>();
  longestMs = 0;
  readonly #log: EventLog;
  readonly #topic: string;
  readonly #stopping = new AbortController();
  readonly #running: readonly Promise<void>[];
  readonly #lastAcknowledgedMs: number[];

  constructor(log: EventLog, topic: string, count: number) {
    this.#log = log;
    this.#topic = topic;
    this.#lastAcknowledgedMs = new Array<number>(count).fill(0);
    this.#running = Array.from({ length: count }, (_, who) => this.#run(who));
  }

  /** Whether each of them has had a record acknowledged since this time of `performance.now()`. */
  allServedSince(ms: number): boolean {
    return this.#lastAcknowledgedMs.every((last) => last > ms);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
  }

  async #run(who: number): Promise<void> {
    const partition = who % this.#log.partitions(this.#topic);
    for (let number = 0; !this.#stopping.signal.aborted; number += 1) {
      const content = `${who}:${number}`;
      const place = await this.#append(partition, `conversation ${who}`, content);
      if (place === undefined) return;
      this.acknowledged.push({ ...place, content });
      this.#lastAcknowledgedMs[who] = performance.now();
    }
  }

  /** undefined: it was not acknowledged before the end. */
  async #append(partition: number, key: string, content: string): Promise<Appended | undefined> {
    for (;;) {
      const begun = performance.now();
      try {
        const record = { topic: this.#topic, partition, key, headers: { ce_id: content }, value: text.encode(content) };
        const [place] = await this.#log.append([{ ...record, contentOffset: 0 }]);
        return place;
      } catch (error) {
        if (!(error instanceof LogUnavailable)) throw error;
        this.refusalsMs.push(performance.now() - begun);
        if (error.outcome === 'unknown') this.copies.set(content, (this.copies.get(content) ?? 1) + 1);
        if (this.#stopping.signal.aborted) return undefined;
        await sleep(repeatMs);
      } finally {
        this.longestMs = Math.max(this.longestMs, performance.now() - begun);
      }
    }
  }
}

/** Everything that a tail of one partition is given, until it is stopped. */
export class Follower {
  readonly records: LogRecord[] = [];
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;

  constructor(log: EventLog, topic: string, partition: number, fromOffset = 0) {
    this.#running = this.#run(log, topic, partition, fromOffset);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(log: EventLog, topic: string, partition: number, fromOffset: number): Promise<void> {
    for await (const batch of log.tail(topic, partition, fromOffset, this.#stopping.signal))
      this.records.push(...batch);
  }
}

/** What a record says. */
export function contentOf({ value }: Pick<LogRecord, 'value'>): string {
  return new TextDecoder().decode(value);
}

/** Waits until it is so; rejects when it is not within the time. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>, limitMs = 30_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${limitMs} ms`);
    await sleep(10);
  }
}

/** Everything that the partition holds. */
export async function readAll(log: EventLog, topic: string, partition: number): Promise<LogRecord[]> {
  const found: LogRecord[] = [];
  for (;;) {
    const batch = await log.read(topic, partition, found.length, 1_000);
    if (batch.length === 0) return found;
    found.push(...batch);
  }
}
