import { pause } from './back-off.ts';
import type { WorkerDeps } from './deps.ts';
import { type PartitionUsage, PartitionWorker } from './partition-worker.ts';
import { Watchdog } from './watchdog.ts';

/** A worker over all partitions. */
export interface RunningWorker {
  /**
   * Resolves when no partition is worked on any more: drained, or claimed by others. Rejects with the first fault (LogDamaged, or a defect);
   * the other partitions go on.
   */
  readonly ended: Promise<void>;
  /** Of each partition, as far as it was read. */
  usage(): readonly PartitionUsage[];
  /** Starts nothing more, lets what is under way end for at most this long, leaves the rest to the next start, commits and ends. */
  drain(timeoutMs: number): Promise<void>;
}

/** Takes every partition and answers what is pending. */
export function startWorker(deps: WorkerDeps): RunningWorker {
  const { journal, bus, ids, clock, settings } = deps;
  const stopping = new AbortController();
  const attempts = { clock, settings, watchdog: new Watchdog(clock) };
  const count = journal.log.partitions(journal.topics.conversations);
  const partitions = Array.from({ length: count }, (_, partition) => new PartitionWorker(deps, partition, attempts));
  const unserve = bus.serveDrafts(
    (conversationId) => partitions[ids.partition(conversationId, count)]?.drafts(conversationId) ?? [],
  );
  const runs = partitions.map((partition) => partition.run(stopping.signal));
  return {
    ended: Promise.all(runs).then(() => unserve()),
    usage: () => partitions.map((partition) => partition.usage()),
    async drain(timeoutMs) {
      const inTime = new AbortController();
      const idle = Promise.all(partitions.map((partition) => partition.drain()));
      await Promise.race([idle, pause(clock, timeoutMs, inTime.signal)]);
      inTime.abort();
      stopping.abort();
      await Promise.allSettled(runs);
      unserve();
    },
  };
}
