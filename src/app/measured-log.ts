import type { Clock } from '../ports/clock.ts';
import { type EventLog, LogUnavailable } from '../ports/event-log.ts';
import type { LogMetrics } from '../ports/telemetry.ts';

/** The log, with what its appends take and how often it does not answer told to the metrics. */
export function measuredLog(log: EventLog, metrics: LogMetrics, clock: Clock): EventLog {
  return {
    partitions: (topic) => log.partitions(topic),
    async append(records) {
      const startedMs = clock.monotonicMs();
      try {
        const appended = await log.append(records);
        metrics.appended(clock.monotonicMs() - startedMs);
        return appended;
      } catch (error) {
        if (error instanceof LogUnavailable) metrics.logUnavailable();
        throw error;
      }
    },
    read: (...where) => log.read(...where),
    tail: (...where) => log.tail(...where),
    erase: (...what) => log.erase(...what),
    endOffset: (...where) => log.endOffset(...where),
    committed: (...where) => log.committed(...where),
    commit: (...what) => log.commit(...what),
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
}
