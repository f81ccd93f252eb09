import { type Appended, LogUnavailable } from '../../../ports/event-log.ts';
import type { RecordToWrite } from './record-batch.ts';

/** A record and where it goes. */
export interface PlacedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly record: RecordToWrite;
}

/** What one call has for one partition; it goes into one batch. */
export interface Part {
  readonly call: AppendCall;
  readonly records: readonly RecordToWrite[];
  /** Where these records stand in the call. */
  readonly indices: readonly number[];
  readonly bytes: number;
}

/** One call of append, from its arrival to its answer. */
export class AppendCall {
  readonly answer: Promise<readonly Appended[]>;
  readonly deadlineMs: number;
  /** Some of it was sent: only the broker knows whether the log has it. */
  sent = false;
  /** It may be sent. */
  ready = true;
  readonly #records: readonly PlacedRecord[];
  readonly #places: Appended[];
  readonly #settle = Promise.withResolvers<readonly Appended[]>();
  #missing: number;
  #isSettled = false;

  constructor(records: readonly PlacedRecord[], deadlineMs: number) {
    this.#records = records;
    this.#places = new Array<Appended>(records.length);
    this.#missing = records.length;
    this.deadlineMs = deadlineMs;
    this.answer = this.#settle.promise;
  }

  /** It has its answer. */
  get settled(): boolean {
    return this.#isSettled;
  }

  /** A part of it is in the log, from this offset on. */
  written(indices: readonly number[], baseOffset: number, timeMs: number): void {
    if (this.#isSettled) return;
    for (const [position, index] of indices.entries()) {
      const { topic, partition } = this.#records[index] as PlacedRecord;
      this.#places[index] = { topic, partition, offset: baseOffset + position, timeMs };
    }
    this.#missing -= indices.length;
    if (this.#missing > 0) return;
    this.#isSettled = true;
    this.#settle.resolve(this.#places);
  }

  /** It is given up. */
  fail(why: string, cause?: unknown): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#settle.reject(new LogUnavailable(why, this.sent ? 'unknown' : 'not-written', { cause }));
  }
}
