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

/**
 * A thread is given up after so many: Node keeps a combined AbortSignal as long as somebody listens to it, and a killed process listens for ever, with
 * all that it had, 0.3 MiB a history.
 */
const historiesPerThread = 500;

/** Runs histories, several at once, one thread each. Rejects with what ends a thread. */
export async function search({ seeds, width, onVerdict }: SearchOptions): Promise<void> {
  const next = seeds[Symbol.iterator]();
  let isOver = false;
  /** In a thread of its own; false when there are no more. */
  const runSome = async () => {
    const worker = new Worker(new URL('./search-thread.ts', import.meta.url));
    try {
      for (let left = historiesPerThread; left > 0 && !isOver; left -= 1) {
        const { done, value } = next.next();
        if (done === true) return false;
        isOver = onVerdict(await verdictOf(worker, value)) || isOver;
      }
      return !isOver;
    } finally {
      await worker.terminate();
    }
  };
  const runAll = async () => {
    while (await runSome());
  };
  await Promise.all(Array.from({ length: width }, runAll));
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
