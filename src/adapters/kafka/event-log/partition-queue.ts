import { type Appended, LogUnavailable } from '../../../ports/event-log.ts';
import { maxBatchBytes, retryFirstMs, retryLongestMs } from './limits.ts';
import { encodeBatch, type RecordToWrite } from './record-batch.ts';

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
  /** Some of it was sent: whether the log has it, only the broker can tell. */
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

/** Under what name a batch is sent. */
export interface Identity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

/** A batch that was sent, and is resent unchanged until the broker acknowledges or refuses it: the broker detects repeats by the sequence. */
export interface Batch {
  readonly parts: readonly Part[];
  readonly records: number;
  readonly bytes: Buffer;
  /** How often it was sent. */
  attempts: number;
}

const maxSequence = 2 ** 31;

/**
 * Queue of one partition. It has its own producer identity: a broken sequence of one partition does not affect others. One batch is in flight at a time,
 * so that the order is always that of the calls.
 */
export class PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  identity: Identity | undefined;
  batch: Batch | undefined;
  /** A request with its batch is under way. */
  busy = false;
  /** An append has timed out: further ones fail at once, until one succeeds. */
  unavailable = false;
  /** Not tried again before this time of `performance.now()`. */
  notBeforeMs = 0;
  /** Why the last try failed. */
  lastError: unknown;
  #waiting: Part[] = [];
  #sequence = 0;
  #failures = 0;

  constructor(topic: string, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  add(part: Part): void {
    this.#waiting.push(part);
  }

  /** There is something to send, or to find out. */
  get hasWork(): boolean {
    return this.batch !== undefined || this.unavailable || this.#waiting[0]?.call.ready === true;
  }

  /** Nothing is left to do. */
  get isIdle(): boolean {
    return this.batch === undefined && !this.unavailable && this.#waiting.length === 0;
  }

  /** Somebody who had nothing else to wait for has waited in vain. */
  hasExpired(): boolean {
    return [...(this.batch?.parts ?? []), ...this.#waiting].some(({ call }) => call.settled && call.ready);
  }

  /** Forgets what waits of calls that were given up. Returns how many bytes that were. */
  dropSettled(): number {
    const dropped = this.#waiting.filter(({ call }) => call.settled);
    if (dropped.length > 0) this.#waiting = this.#waiting.filter(({ call }) => !call.settled);
    return dropped.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Makes what waits the batch to send, as far as one can hold it; undefined when nothing waits. */
  takeBatch(identity: Identity, nowMs: number): Batch | undefined {
    let bytes = 0;
    let count = 0;
    for (const part of this.#waiting) {
      if (!part.call.ready || (count > 0 && bytes + part.bytes > maxBatchBytes)) break;
      bytes += part.bytes;
      count += 1;
    }
    if (count === 0) return undefined;
    const parts = this.#waiting.splice(0, count);
    for (const { call } of parts) call.sent = true;
    this.batch = this.#encode(parts, identity, nowMs);
    return this.batch;
  }

  /** The batch is in the log. */
  written(baseOffset: number, timeMs: number): void {
    const { batch } = this;
    if (batch === undefined) return;
    let offset = baseOffset;
    for (const { call, indices } of batch.parts) {
      call.written(indices, offset, timeMs);
      offset += indices.length;
    }
    this.#sequence = (this.#sequence + batch.records) % maxSequence;
    this.batch = undefined;
    this.#failures = 0;
  }

  /** The batch is given up, and with it an identity whose sequence may be spoilt. */
  refused(why: string): void {
    for (const { call } of this.batch?.parts ?? []) call.fail(why);
    this.batch = undefined;
    this.forgetIdentity();
  }

  /** The next batch begins another identity's sequence. */
  forgetIdentity(): void {
    this.identity = undefined;
    this.#sequence = 0;
  }

  /** The broker has not taken the batch, and never will under its identity: what is in it waits again. */
  takeBack(): void {
    this.#waiting.unshift(...(this.batch?.parts ?? []));
    this.batch = undefined;
    this.forgetIdentity();
  }

  /** Something failed: the next try is put off, and each time longer. Returns until when. */
  backOff(nowMs: number): number {
    const delayMs = Math.min(retryFirstMs * 1.5 ** this.#failures, retryLongestMs);
    this.#failures = Math.min(this.#failures + 1, 20);
    this.notBeforeMs = nowMs + delayMs;
    return this.notBeforeMs;
  }

  #encode(parts: readonly Part[], identity: Identity, nowMs: number): Batch {
    const records = parts.flatMap((part) => part.records);
    const bytes = encodeBatch(records, { ...identity, firstSequence: this.#sequence }, nowMs);
    return { parts, records: records.length, bytes, attempts: 0 };
  }
}
