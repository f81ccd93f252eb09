import { Worker } from 'node:worker_threads';
import type { DeadLetterDocument } from '../../projections/engine/dead-letters.ts';
import { type ModelPartitions, SharedProgress } from '../../projections/engine/shared-progress.ts';
import { historyModel } from '../../projections/history/document.ts';
import { projections } from '../../projections/models.ts';
import type { HistoryProgress, WholeAnswer } from '../ports/history.ts';

/** What the thread is given. */
export interface ProjectorData {
  readonly dataDir: string;
  readonly readModelPath: string;
  readonly prefix: string;
  readonly models: readonly ModelPartitions[];
  readonly progress: SharedArrayBuffer;
  readonly wakeSignal: SharedArrayBuffer;
}

export type ToProjector =
  | { readonly kind: 'close' }
  /** Somebody has begun to wait. */
  | { readonly kind: 'awaited' }
  | { readonly kind: 'damaged'; readonly inode: number };

export type FromProjector =
  | { readonly kind: 'ready' }
  /** Some partition went on, and somebody waits. */
  | { readonly kind: 'progress' }
  | { readonly kind: 'parked'; readonly parked: DeadLetterDocument }
  | { readonly kind: 'retry' | 'truncated'; readonly message: string }
  | { readonly kind: 'damaged'; readonly what: string }
  | {
      readonly kind: 'fault';
      readonly model: string;
      readonly topic: string;
      readonly partition: number;
      readonly error: unknown;
    };

export interface ProjectorThreadOptions {
  readonly dataDir: string;
  /** The read models' file. */
  readonly readModelPath: string;
  readonly prefix: string;
  /** Of the conversations topic. */
  readonly partitions: number;
  /** The log writer's. */
  readonly wakeSignal: SharedArrayBuffer;
  /** The thread died, or a partition goes no further (a damaged record): the read models will fall behind for good. */
  onFault(error: Error): void;
  /** A record could not be decoded and was put aside. */
  onDeadLetter(parked: DeadLetterDocument): void;
  /** Something went wrong that is being mended: a damaged file made again, a full disk waited for. */
  onTrouble(what: string): void;
}

/** The projector, seen from the main thread. */
export interface ProjectorThread {
  /** The offset of the next record that the partition of the model needs. */
  checkpoint(model: string, partition: number): number;
  /** True as soon as the model holds everything up to this sequence, false after the time limit. Costs nothing when it does already. */
  waitFor(model: string, partition: number, sequence: number, timeoutMs: number): Promise<boolean>;
  /** The same for history, as the port has it. */
  readonly history: HistoryProgress;
  /** For the `isCurrent` of read handles: whether this is the file that the thread writes. */
  isCurrent(inode: number): boolean;
  /** For the `onDamaged` of read handles: the thread sets the file aside and makes the models again. */
  reportDamaged(inode: number): void;
  /** Stops after the batch in hand. */
  close(): Promise<void>;
}

/** The projector's documents live for a batch or in a bounded cache: without these limits its heap would grow to what the machine has. */
const projectorHeap = { maxYoungGenerationSizeMb: 9, maxOldGenerationSizeMb: 512 };

/** Starts the thread; resolves when it has opened log and read models. Rejects with what keeps it from that. */
export async function startProjectorThread(options: ProjectorThreadOptions): Promise<ProjectorThread> {
  const partitionsOf = { conversations: options.partitions, connections: 1 };
  const models = projections.map(({ model, topic }) => ({ model, partitions: partitionsOf[topic] }));
  const progress = new SharedProgress(models);
  const { dataDir, readModelPath, prefix, wakeSignal } = options;
  const data: ProjectorData = { dataDir, readModelPath, prefix, models, progress: progress.memory, wakeSignal };
  const file = import.meta.url.endsWith('.ts') ? './projector-thread.ts' : './projector-thread.js';
  const worker = new Worker(new URL(file, import.meta.url), { workerData: data, resourceLimits: projectorHeap });
  const running = new RunningProjector(worker, progress, options);
  await running.ready;
  return running;
}

interface Waiter {
  readonly model: string;
  readonly partition: number;
  readonly offset: number;
  readonly settle: (reached: boolean) => void;
}

class RunningProjector implements ProjectorThread {
  readonly #worker: Worker;
  readonly #progress: SharedProgress;
  readonly #options: ProjectorThreadOptions;
  readonly #waiters = new Set<Waiter>();
  readonly #opened = Promise.withResolvers<void>();
  readonly #ended: Promise<unknown>;
  #state: 'opening' | 'running' | 'closing' = 'opening';

  constructor(worker: Worker, progress: SharedProgress, options: ProjectorThreadOptions) {
    this.#worker = worker;
    this.#progress = progress;
    this.#options = options;
    worker.on('message', (message: FromProjector) => this.#hear(message));
    worker.on('error', (error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
    this.#ended = new Promise((resolve) => worker.once('exit', resolve)).then(() => this.#afterEnd());
  }

  /** Rejects with what keeps the thread from opening its files. */
  get ready(): Promise<void> {
    return this.#opened.promise;
  }

  readonly history: HistoryProgress = {
    checkpoint: (partition) => this.checkpoint(historyModel, partition),
    reached: (partition, offset, timeoutMs) => this.waitFor(historyModel, partition, offset - 1, timeoutMs),
    whole: (upTo, timeoutMs, ask) => this.#whole(upTo, timeoutMs, ask),
  };

  checkpoint(model: string, partition: number): number {
    return this.#progress.get(model, partition);
  }

  async waitFor(model: string, partition: number, sequence: number, timeoutMs: number): Promise<boolean> {
    if (this.checkpoint(model, partition) > sequence) return true;
    return new Promise((resolve) => {
      const waiter: Waiter = {
        model,
        partition,
        offset: sequence + 1,
        settle: (reached) => {
          clearTimeout(timer);
          if (this.#waiters.delete(waiter)) this.#progress.addWaiting(-1);
          resolve(reached);
        },
      };
      const timer = setTimeout(() => waiter.settle(false), timeoutMs);
      this.#waiters.add(waiter);
      this.#progress.addWaiting(1);
      this.#settleReached();
      if (this.#waiters.has(waiter)) this.#tell({ kind: 'awaited' });
    });
  }

  async #whole<T>(
    upTo: ReadonlyMap<number, number>,
    timeoutMs: number,
    ask: () => Promise<T>,
  ): Promise<WholeAnswer<T> | null> {
    const waits = [...upTo].map(([partition, offset]) => this.history.reached(partition, offset, timeoutMs));
    if (!(await Promise.all(waits)).every(Boolean)) return null;
    const { epoch } = this.#progress;
    const isReached = [...upTo].every(([partition, offset]) => this.checkpoint(historyModel, partition) >= offset);
    if (!isReached) return null;
    const answer = await ask();
    return this.#progress.epoch === epoch ? { answer } : null;
  }

  isCurrent(inode: number): boolean {
    return this.#progress.isOf(inode);
  }

  reportDamaged(inode: number): void {
    this.#tell({ kind: 'damaged', inode });
  }

  async close(): Promise<void> {
    this.#state = 'closing';
    this.#tell({ kind: 'close' });
    await this.#ended;
  }

  #tell(message: ToProjector): void {
    this.#worker.postMessage(message);
  }

  #hear(message: FromProjector): void {
    switch (message.kind) {
      case 'ready':
        this.#state = 'running';
        return this.#opened.resolve();
      case 'progress':
        return this.#settleReached();
      case 'parked':
        return this.#options.onDeadLetter(message.parked);
      case 'retry':
        return this.#options.onTrouble(`the projector will try again: ${message.message}`);
      case 'truncated':
        return this.#options.onTrouble(message.message);
      case 'damaged':
        return this.#options.onTrouble(`the read models were damaged and are made again from the log: ${message.what}`);
      case 'fault': {
        const { model, topic, partition, error } = message;
        return this.#options.onFault(new Error(`${model} goes no further in ${topic}/${partition}`, { cause: error }));
      }
    }
  }

  #settleReached(): void {
    for (const waiter of this.#waiters) {
      if (this.checkpoint(waiter.model, waiter.partition) >= waiter.offset) waiter.settle(true);
    }
  }

  #afterEnd(): void {
    for (const waiter of this.#waiters) waiter.settle(false);
    this.#fail(new Error('the projector thread ended'));
  }

  #fail(error: Error): void {
    if (this.#state === 'opening') this.#opened.reject(error);
    else if (this.#state === 'running') this.#options.onFault(error);
  }
}
