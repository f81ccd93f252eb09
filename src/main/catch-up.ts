import { recordsLeft, type Standing } from '../../projections/engine/lag.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/telemetry.ts';

/** Often enough to see that it goes on, and no flood where it takes hours. */
const tellMs = 5_000;
/** Fewer are caught up with before anybody would look. */
const farBehindRecords = 10_000;

type Standings = ReadonlyMap<string, readonly Standing[]>;

export interface CatchUpOptions {
  /** How far each model is. Rejects while store or log are away. */
  readonly standings: () => Promise<Standings>;
  /** Models of an older release, which are made anew whatever their lag. A store may find more of them when it is first used. */
  readonly outdated: Iterable<string>;
  readonly logger: Pick<Logger, 'info'>;
  readonly clock: Clock;
}

/**
 * Says in the process's log, until it is disposed of, which read models an upgrade or a rebuild makes anew, how many records they still lack, and when
 * each has caught up: it has everything that the log had at the last look. While clients talk, a model never has everything.
 */
export function tellCatchUp({ standings, outdated, logger, clock }: CatchUpOptions): AsyncDisposable {
  const stopping = new AbortController();
  const { signal } = stopping;
  const told = new Set<string>();
  const tellOutdated = () => {
    const models = [...outdated].filter((model) => !told.has(model));
    if (models.length > 0) logger.info({ models }, 'read models of an older release are rebuilt from the log');
    for (const model of models) told.add(model);
    return models;
  };
  const behind = new Set(tellOutdated());
  const telling = (async () => {
    for (let before: Standings | undefined; !signal.aborted; await clock.sleep(tellMs, signal).catch(() => undefined)) {
      const now = await readable(standings);
      if (now === undefined) continue;
      for (const model of tellOutdated()) behind.add(model);
      if (before === undefined)
        for (const [model, places] of now) if (recordsLeft(places) > farBehindRecords) behind.add(model);
      for (const model of behind)
        if (tell(model, now.get(model) ?? [], before?.get(model), logger)) behind.delete(model);
      before = now;
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

/** Whether the model has caught up. */
function tell(
  model: string,
  now: readonly Standing[],
  before: readonly Standing[] | undefined,
  logger: Pick<Logger, 'info'>,
): boolean {
  const left = recordsLeft(now);
  const hasCaughtUp =
    left === 0 || now.every(({ offset }, place) => offset >= (before?.[place]?.endOffset ?? Infinity));
  if (hasCaughtUp) logger.info({ model }, 'the read model has caught up with the log');
  else logger.info({ model, recordsLeft: left }, 'the read model is being brought up to the log');
  return hasCaughtUp;
}

/** What keeps it from being read, the projector tells, who needs it as well. */
function readable<T>(read: () => Promise<T>): Promise<T | undefined> {
  return read().catch(() => undefined);
}
