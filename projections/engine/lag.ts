import type { Journal } from '../../src/app/journal.ts';
import type { ReadModelStore } from '../../src/ports/read-model.ts';
import type { Projection } from './projection.ts';

/** How far one partition is folded into a model, and how far the log reaches; both are the offset of the next record. */
export interface Standing {
  readonly offset: number;
  readonly endOffset: number;
}

/** The partitions of each model, whoever folds them. Rejects with LogUnavailable, ReadModelUnavailable or, while a model begins again, ReadModelReplaced. */
export async function standingsOf(
  journal: Journal,
  store: Pick<ReadModelStore, 'checkpoint'>,
  projections: readonly Projection[],
): Promise<ReadonlyMap<string, readonly Standing[]>> {
  const models = projections.map(
    async (projection) => [projection.model, await standingsOfModel(journal, store, projection)] as const,
  );
  return new Map(await Promise.all(models));
}

/** How many records each model is behind the log. Rejects as `standingsOf`. */
export async function lagOf(...of: Parameters<typeof standingsOf>): Promise<Readonly<Record<string, number>>> {
  return Object.fromEntries([...(await standingsOf(...of))].map(([model, places]) => [model, recordsLeft(places)]));
}

/** A fold in another thread may have read records that the log has not been notified of yet. */
export function recordsLeft(places: readonly Standing[]): number {
  return places.reduce((sum, { offset, endOffset }) => sum + Math.max(0, endOffset - offset), 0);
}

function standingsOfModel(
  { log, topics }: Journal,
  store: Pick<ReadModelStore, 'checkpoint'>,
  projection: Projection,
): Promise<readonly Standing[]> {
  const topic = topics[projection.topic];
  const partitions = Array.from({ length: log.partitions(topic) }, async (_, partition) => {
    // In this order a concurrent fold only makes the lag larger.
    const { offset } = await store.checkpoint(projection.model, topic, partition);
    return { offset, endOffset: await log.endOffset(topic, partition) };
  });
  return Promise.all(partitions);
}
