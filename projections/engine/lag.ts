import type { Journal } from '../../src/app/journal.ts';
import type { ReadModelStore } from '../../src/ports/read-model.ts';
import type { Projection } from './projection.ts';

/**
 * How many records each model is behind the log, whoever folds it. Rejects with LogUnavailable, ReadModelUnavailable or, while a model begins
 * again, ReadModelReplaced.
 */
export async function lagOf(
  journal: Journal,
  store: Pick<ReadModelStore, 'checkpoint'>,
  projections: readonly Projection[],
): Promise<Readonly<Record<string, number>>> {
  const lags = projections.map(async (projection) => [projection.model, await lagOfModel(journal, store, projection)]);
  return Object.fromEntries(await Promise.all(lags));
}

async function lagOfModel(
  { log, topics }: Journal,
  store: Pick<ReadModelStore, 'checkpoint'>,
  projection: Projection,
): Promise<number> {
  const topic = topics[projection.topic];
  const partitions = Array.from({ length: log.partitions(topic) }, async (_, partition) => {
    // In this order a concurrent fold only makes the lag larger. Yet a fold in another thread may have read records that this one has not been notified
    // of yet.
    const { offset } = await store.checkpoint(projection.model, topic, partition);
    return Math.max(0, (await log.endOffset(topic, partition)) - offset);
  });
  return (await Promise.all(partitions)).reduce((sum, lag) => sum + lag, 0);
}
