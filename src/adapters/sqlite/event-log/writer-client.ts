import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Appended, NewRecord } from '../../../ports/event-log.ts';
import { LogUnavailable } from '../../../ports/event-log.ts';
import { LogConfigMismatch, LogDamagedAtOpen, LogOfLaterRelease } from './errors.ts';
import { FrameBatch, isPoolable } from './frame.ts';
import { maxBatchBytes, maxBatchesInFlight, maxQueuedBytes, positionFlushMs } from './limits.ts';
import type { Position } from './positions.ts';
import type { Failure, FromWriter, Refusal, ToWriter, WriterOptions } from './protocol.ts';
import { schemaVersion } from './schema.ts';
import type { Topology } from './topology.ts';

/** One append call that has no answer yet. */
export interface PendingAppend {
  readonly records: readonly NewRecord[];
  readonly resolve: (appended: readonly Appended[]) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Told of each committed batch, in order, before its appends are answered. Returns what the append is answered with.
 */
export type OnCommitted = (records: readonly NewRecord[], timeMs: number) => readonly Appended[];

/** Called once, when nothing can be written any more until the log is opened again. */
export type OnWriterFault = (error: Error) => void;

interface Batch {
  readonly frames: FrameBatch;
  readonly appends: PendingAppend[];
}

/**
 * Gathers appends into batches for the writer thread. Whatever gathered while the writer was busy goes as one message
 * and becomes one transaction; when it is idle, what one turn of the event loop appended goes at the end of that turn.
 * No timer.
 */
export class WriterClient {
  readonly #worker: Worker;
  readonly #topology: Topology;
  readonly #onCommitted: OnCommitted;
  readonly #onFault: OnWriterFault;
  readonly #exited: Promise<void>;
  readonly #inFlight: Batch[] = [];
  readonly #queue: Batch[] = [];
  readonly #pool: ArrayBuffer[] = [];
  #positions: Position[] = [];
  #positionTimer: NodeJS.Timeout | undefined;
  #queuedBytes = 0;
  #flushing = false;
  #closing = false;
  #gone: LogUnavailable | undefined;
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(worker: Worker, topology: Topology, onCommitted: OnCommitted, onFault: OnWriterFault) {
    this.#worker = worker;
    this.#topology = topology;
    this.#onCommitted = onCommitted;
    this.#onFault = onFault;
    this.#exited = new Promise((resolve) => worker.once('exit', () => resolve()));
    worker.on('message', (message: FromWriter) => {
      if (message.kind === 'written') this.#answer(message.memory, message.timeMs, message.failure);
      else if (message.kind === 'displaced') this.fail(new Error(message.message));
    });
    worker.on('error', (error) => this.fail(error));
    worker.on('exit', () => this.fail(new Error('it has ended')));
  }

  /** Adds the records to the next batch. Rejects with LogUnavailable; throws RangeError, and adds none, when one is too large. */
  append(records: readonly NewRecord[]): Promise<readonly Appended[]> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone);
    if (this.#closing) return Promise.reject(new LogUnavailable('the log is closed', 'not-written'));
    if (this.#queuedBytes > maxQueuedBytes)
      return Promise.reject(new LogUnavailable('too much waits to be written', 'not-written'));
    const batch = this.#openBatch();
    const before = batch.frames.byteLength;
    try {
      for (const record of records) batch.frames.add(this.#topology.topic(record.topic).id, record);
    } catch (error) {
      batch.frames.truncate(before);
      return Promise.reject(error);
    }
    this.#queuedBytes += batch.frames.byteLength - before;
    this.#flushSoon();
    return new Promise((resolve, reject) => batch.appends.push({ records, resolve, reject }));
  }

  /** Writes the position with the next batch, or alone a little later. */
  commit(position: Position): void {
    this.#positions.push(position);
    this.#positionTimer ??= setTimeout(() => this.#flushPositions(), positionFlushMs);
  }

  /** Writes what waits. What comes later is refused. */
  async drain(): Promise<void> {
    this.#flushPositions();
    this.#closing = true;
    if (this.#queue.length === 0 && this.#inFlight.length === 0) return;
    this.#drained = Promise.withResolvers();
    await this.#drained.promise;
  }

  /** Ends the writer, after `drain`. */
  async close(): Promise<void> {
    this.#post({ kind: 'close' });
    await this.#exited;
  }

  #openBatch(): Batch {
    const last = this.#queue.at(-1);
    if (last !== undefined && last.frames.byteLength < maxBatchBytes) return last;
    const batch: Batch = { frames: new FrameBatch(this.#pool.pop()), appends: [] };
    this.#queue.push(batch);
    return batch;
  }

  #flushSoon(): void {
    if (this.#flushing || this.#inFlight.length >= maxBatchesInFlight) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#queue.length > 0 && this.#inFlight.length < maxBatchesInFlight && this.#gone === undefined) {
      const batch = this.#queue.shift();
      if (batch === undefined) return;
      const { memory, byteLength } = batch.frames;
      this.#queuedBytes -= byteLength;
      this.#inFlight.push(batch);
      this.#post({ kind: 'write', memory, byteLength, positions: this.#takePositions() }, memory);
    }
  }

  #flushPositions(): void {
    if (this.#positions.length === 0 || this.#gone !== undefined) return;
    this.#openBatch();
    this.#flushSoon();
  }

  #takePositions(): readonly Position[] {
    if (this.#positions.length === 0) return [];
    clearTimeout(this.#positionTimer);
    this.#positionTimer = undefined;
    const positions = this.#positions;
    this.#positions = [];
    return positions;
  }

  #post(message: ToWriter, memory?: ArrayBuffer): void {
    this.#worker.postMessage(message, memory === undefined ? [] : [memory]);
  }

  #answer(memory: ArrayBuffer, timeMs: number, failure: Failure | undefined): void {
    const batch = this.#inFlight.shift();
    if (batch === undefined) return;
    if (isPoolable(memory) && this.#pool.length < maxBatchesInFlight) this.#pool.push(memory);
    this.#flushSoon();
    for (const append of batch.appends) this.#settle(append, timeMs, failure);
    if (this.#queue.length === 0 && this.#inFlight.length === 0) this.#drained?.resolve();
  }

  #settle({ records, resolve, reject }: PendingAppend, timeMs: number, failure: Failure | undefined): void {
    const written = failure === undefined || failure.outcome === 'written';
    const appended = written ? this.#onCommitted(records, timeMs) : [];
    if (failure === undefined) resolve(appended);
    else reject(unavailable(failure));
  }

  /** The writer, or what it writes to, is gone or damaged: what is in flight may be written or not, and nothing more is. */
  fail(cause: Error): void {
    if (this.#gone === undefined) {
      this.#gone = new LogUnavailable(`the log's writer has failed: ${cause.message}`, 'not-written', { cause });
      if (!this.#closing) this.#onFault(this.#gone);
    }
    clearTimeout(this.#positionTimer);
    const unknown = new LogUnavailable(this.#gone.message, 'unknown', { cause });
    for (const { appends } of this.#inFlight.splice(0)) for (const { reject } of appends) reject(unknown);
    for (const { appends } of this.#queue.splice(0)) for (const { reject } of appends) reject(this.#gone);
    this.#drained?.resolve();
  }
}

function unavailable({ outcome, message }: Failure): LogUnavailable {
  return new LogUnavailable(`the log cannot be written: ${message}`, outcome === 'not-written' ? outcome : 'unknown');
}

/** The file of a thread in this folder: as source, or as it was built. */
export function threadUrl(name: 'writer-thread' | 'check-thread'): URL {
  return new URL(`./${name}${extname(import.meta.url)}`, import.meta.url);
}

/** The writer's objects live for one batch: without these limits the heap would grow to what the machine has, not to what it needs. */
const writerHeap = { maxYoungGenerationSizeMb: 3, maxOldGenerationSizeMb: 128 };

/**
 * Starts the writer thread; it verifies the log before anything else. Rejects with LogDamagedAtOpen, LogOfLaterRelease,
 * LogConfigMismatch, LogUnavailable.
 */
export async function startWriter(
  options: WriterOptions,
): Promise<{ worker: Worker; opened: FromWriter & { kind: 'opened' } }> {
  const worker = new Worker(threadUrl('writer-thread'), { workerData: options, resourceLimits: writerHeap });
  const first = await new Promise<FromWriter>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  if (first.kind === 'opened') return { worker, opened: first };
  await worker.terminate();
  throw first.kind === 'refused'
    ? refused(options.folder, first.refusal)
    : new Error('the writer thread answered out of turn');
}

function refused(folder: string, refusal: Refusal): Error {
  switch (refusal.reason) {
    case 'damaged':
      return new LogDamagedAtOpen(folder, refusal.damages);
    case 'later-release':
      return new LogOfLaterRelease(folder, refusal.format, schemaVersion, refusal.release);
    case 'mismatch':
      return new LogConfigMismatch(refusal.message);
    case 'failed':
      return new LogUnavailable(`the log in ${folder} cannot be opened: ${refusal.message}`, 'not-written');
    default:
      return refusal satisfies never;
  }
}
