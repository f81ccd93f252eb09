import type { ReadModelStore } from '../../src/ports/read-model.ts';
import { processingSpec } from './document.ts';

/** What is being answered and what waits, over all partitions. */
export interface ProcessingTotals {
  readonly processing: number;
  readonly queued: number;
  /** When the log took the oldest message that no worker has begun; null when there is none. */
  readonly oldestQueuedAtMs: number | null;
}

/** More partitions than anybody configures. */
const maxPartitions = 10_000;

/** Reads the totals. The answer's promise rejects with ReadModelUnavailable. */
export function processing(store: ReadModelStore, model: string): { totals(): Promise<ProcessingTotals> } {
  const partitions = store.collection(processingSpec(model));
  return {
    async totals() {
      const documents = await partitions.scan('', maxPartitions);
      const pending = documents.flatMap(({ document }) => document.pending);
      const queued = pending.filter((message) => !message.processing);
      return {
        processing: pending.length - queued.length,
        queued: queued.length,
        oldestQueuedAtMs: queued.length === 0 ? null : Math.min(...queued.map(({ receivedAtMs }) => receivedAtMs)),
      };
    },
  };
}
