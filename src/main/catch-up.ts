import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/telemetry.ts';

/** Often enough to see that it goes on, and no flood where it takes hours. */
const tellMs = 5_000;
/** Fewer are caught up with before anybody would look. */
const farBehindRecords = 10_000;

export interface CatchUpOptions {
  /** Records that each model is behind the log. Rejects while store or log are away. */
  readonly lag: () => Promise<Readonly<Record<string, number>>>;
  /** Models of an older release, which are made anew whatever their lag. */
  readonly outdated: readonly string[];
  readonly logger: Pick<Logger, 'info'>;
  readonly clock: Clock;
}

/** Says in the process's log, until it is disposed of, which read models an upgrade or a rebuild makes anew, and how many records they still lack. */
export function tellCatchUp({ lag, outdated, logger, clock }: CatchUpOptions): AsyncDisposable {
  const stopping = new AbortController();
  const { signal } = stopping;
  if (outdated.length > 0)
    logger.info({ models: outdated }, 'read models of an older release are rebuilt from the log');
  const telling = (async () => {
    let behind = new Set(outdated);
    for (let isFirst = true; !signal.aborted; await clock.sleep(tellMs, signal).catch(() => undefined)) {
      const lags = await readable(lag);
      if (lags === undefined) continue;
      if (isFirst)
        behind = new Set([...behind, ...Object.keys(lags).filter((model) => (lags[model] ?? 0) > farBehindRecords)]);
      isFirst = false;
      for (const model of behind) {
        const recordsLeft = lags[model] ?? 0;
        if (recordsLeft > 0) logger.info({ model, recordsLeft }, 'the read model is being brought up to the log');
        else {
          behind.delete(model);
          logger.info({ model }, 'the read model has caught up with the log');
        }
      }
      if (behind.size === 0) return;
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await telling;
    },
  };
}

/** What keeps it from being read, the projector tells, who needs it as well. */
function readable<T>(read: () => Promise<T>): Promise<T | undefined> {
  return read().catch(() => undefined);
}
