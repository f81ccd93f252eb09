import { Worker } from 'node:worker_threads';
import type { Rule } from './rules.ts';

/** What a history came to, in short. */
export interface Verdict {
  readonly seed: number;
  readonly digest: string;
  readonly findings: readonly { readonly rule: Rule; readonly what: string; readonly atMs: number }[];
  readonly elapsedMs: number;
  readonly tasks: number;
  readonly faults: number;
}

export interface SearchOptions {
  readonly seeds: Iterable<number>;
  /** Threads. */
  readonly width: number;
  /** Called with each, in no order. True ends the search. */
  readonly onVerdict: (verdict: Verdict) => boolean;
}

/** Runs histories, several at once, one thread each. Rejects with what ends a thread. */
export async function search({ seeds, width, onVerdict }: SearchOptions): Promise<void> {
  const next = seeds[Symbol.iterator]();
  let isOver = false;
  const runOne = async () => {
    const worker = new Worker(new URL('./search-thread.ts', import.meta.url));
    try {
      while (!isOver) {
        const { done, value } = next.next();
        if (done === true) return;
        isOver = onVerdict(await verdictOf(worker, value)) || isOver;
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: width }, runOne));
}

function verdictOf(worker: Worker, seed: number): Promise<Verdict> {
  return new Promise((resolve, reject) => {
    const onError = (error: unknown) => {
      reject(new Error(`seed ${seed} ends the thread`, { cause: error }));
    };
    worker.once('error', onError);
    worker.once('message', (verdict: Verdict) => {
      worker.off('error', onError);
      resolve(verdict);
    });
    worker.postMessage(seed);
  });
}
