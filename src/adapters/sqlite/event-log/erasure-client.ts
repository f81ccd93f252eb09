import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import type { Erasure } from '../../../ports/event-log.ts';
import { LogDamaged, LogUnavailable } from '../../../ports/event-log.ts';
import { emptyWalRetryMs, emptyWalTimeoutMs, maxPieceErasures } from './limits.ts';
import type { ErasedPiece, FromWriter, ToWriter } from './protocol.ts';

/** What is to be erased, and where. */
export interface ErasureCall {
  readonly topic: string;
  readonly partition: number;
  readonly slot: number;
  readonly erasures: readonly Erasure[];
}

/** Has the writer thread erase in steps, with appends between them; resolves when no erased content is left in the files. */
export class ErasureClient {
  readonly #worker: Worker;
  readonly #inFlight: PromiseWithResolvers<ErasedPiece>[] = [];
  readonly #calls = new Set<Promise<void>>();
  #gone: LogUnavailable | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', (message: FromWriter) => {
      if (message.kind === 'erasure') this.#inFlight.shift()?.resolve(message.piece);
    });
    worker.on('error', (error) => this.#fail(`the log's writer has failed: ${error.message}`));
    worker.on('exit', () => this.#fail("the log's writer has ended"));
  }

  /** Reports each step. Rejects with RangeError, LogDamaged or LogUnavailable. */
  async erase(call: ErasureCall, onErased: (erased: readonly Erasure[]) => void): Promise<void> {
    const running = this.#erase(call, onErased);
    this.#calls.add(running);
    try {
      await running;
    } finally {
      this.#calls.delete(running);
    }
  }

  /** Pending and later calls reject with LogUnavailable. */
  async stop(): Promise<void> {
    this.#gone ??= new LogUnavailable('the log is closed', 'unknown');
    await Promise.allSettled(this.#calls);
  }

  async #erase(call: ErasureCall, onErased: (erased: readonly Erasure[]) => void): Promise<void> {
    let next = 0;
    let emptyingSinceMs: number | undefined;
    for (;;) {
      const piece = call.erasures.slice(next, next + maxPieceErasures);
      const isLast = next + piece.length === call.erasures.length;
      const { erased, isDone } = outcomeOf(
        await this.#ask({ kind: 'erase', slot: call.slot, erasures: piece, isLast }),
        call,
      );
      onErased(piece.slice(0, erased));
      next += erased;
      if (isDone) return;
      if (next < call.erasures.length) continue;
      emptyingSinceMs ??= performance.now();
      if (performance.now() - emptyingSinceMs > emptyWalTimeoutMs)
        throw new LogUnavailable('a reader is in the way of emptying the WAL', 'unknown');
      await sleep(emptyWalRetryMs);
    }
  }

  #ask(message: ToWriter): Promise<ErasedPiece> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone);
    const answer = Promise.withResolvers<ErasedPiece>();
    this.#inFlight.push(answer);
    this.#worker.postMessage(message);
    return answer.promise;
  }

  #fail(message: string): void {
    this.#gone ??= new LogUnavailable(message, 'unknown');
    for (const { reject } of this.#inFlight.splice(0)) reject(this.#gone);
  }
}

function outcomeOf(piece: ErasedPiece, { topic, partition }: ErasureCall): ErasedPiece & { kind: 'erased' } {
  switch (piece.kind) {
    case 'erased':
      return piece;
    case 'refused':
      if (piece.reason === 'damaged') throw new LogDamaged(topic, partition, piece.offset, piece.message);
      throw new RangeError(`${topic}/${partition} offset ${piece.offset}: ${piece.message}`);
    case 'failed':
      throw new LogUnavailable(`the log cannot be erased in: ${piece.failure.message}`, 'unknown');
    default:
      return piece satisfies never;
  }
}
