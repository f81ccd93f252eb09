import type { Clock } from '../ports/clock.ts';
import { type Appended, type EventLog, LogTruncated, LogUnavailable } from '../ports/event-log.ts';
import type { LogMetrics } from '../ports/telemetry.ts';

/** A step back that is worth telling: less is what synchronized clocks differ by. */
const noticeableStepMs = 1_000;

/** The log, but for these of its methods. */
export function logWith(log: EventLog, methods: Partial<EventLog>): EventLog {
  return {
    partitions: (topic) => log.partitions(topic),
    append: (records) => log.append(records),
    read: (...where) => log.read(...where),
    tail: (...where) => log.tail(...where),
    erase: (...what) => log.erase(...what),
    endOffset: (...where) => log.endOffset(...where),
    committed: (...where) => log.committed(...where),
    commit: (...what) => log.commit(...what),
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
    ...methods,
  };
}

/** The log, with metrics of its appends: duration, record times, failures. */
export function measuredLog(log: EventLog, metrics: LogMetrics, clock: Clock): EventLog {
  const lastTimes = new Map<string, number>();
  const noteTime = ({ topic, partition, timeMs }: Appended, sentMs: number) => {
    const place = `${topic}/${partition}`;
    if (timeMs < (lastTimes.get(place) ?? timeMs) - noticeableStepMs) metrics.logTimeSteppedBack();
    lastTimes.set(place, timeMs);
    // It was taken somewhen between: only what lies outside says anything of the clocks.
    metrics.logTimeAhead(Math.max(0, timeMs - clock.nowMs()) + Math.min(0, timeMs - sentMs));
  };
  return logWith(log, {
    async append(records) {
      const startedMs = clock.monotonicMs();
      const sentMs = clock.nowMs();
      try {
        const appended = await log.append(records);
        metrics.appended(clock.monotonicMs() - startedMs);
        const last = appended.at(-1);
        if (last !== undefined) noteTime(last, sentMs);
        return appended;
      } catch (error) {
        if (error instanceof LogUnavailable) metrics.logUnavailable();
        throw error;
      }
    },
    async *tail(...where) {
      try {
        yield* log.tail(...where);
      } catch (error) {
        if (error instanceof LogTruncated) metrics.logTruncated();
        throw error;
      }
    },
  });
}
