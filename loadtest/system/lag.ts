import { setTimeout as sleep } from 'node:timers/promises';
import { valuesOf } from './metrics.ts';

/** Of 100,000 messages, on a machine that does something else beside. A projector that has not caught up by then never will. */
const catchUpTimeoutMs = 600_000;
/** A look asks the broker and the database about each partition: more often, and it would be the load. */
const pollMs = 100;

/** How far the read models were behind when the load ended. */
export interface LagFigures {
  /** Records of the log that they had not folded. */
  readonly records: number;
  /** From then until they had. */
  readonly caughtUpAfterMs: number;
}

/** Watches the projector that serves its metrics here until its models have caught up. Rejects when they do not within ten minutes. */
export async function watchLag(httpAddress: string): Promise<LagFigures> {
  const begun = performance.now();
  let first: number | undefined;
  for (;;) {
    const records = await lagRecords(httpAddress);
    first ??= records;
    if (records === 0) return { records: first ?? 0, caughtUpAfterMs: performance.now() - begun };
    if (performance.now() - begun > catchUpTimeoutMs)
      throw new Error(`the read models are still ${records ?? 'nobody knows how many'} records behind`);
    await sleep(pollMs);
  }
}

/** Of all models; undefined while the projector cannot say, because a store is too busy to answer it. */
async function lagRecords(httpAddress: string): Promise<number | undefined> {
  const answer = await fetch(`http://${httpAddress}/metrics`);
  const lags = valuesOf(await answer.text(), 'parley_projector_lag_records');
  return lags.length === 0 ? undefined : lags.reduce((sum, records) => sum + records, 0);
}
