import type { AttemptUsage } from '../../src/domain/conversation/events.ts';
import { nothingUsed, type UsageSums, withAttempt } from '../../src/domain/conversation/usage-sums.ts';
import type { Collection, CollectionSpec, Place, ReadModelStore } from '../../src/ports/read-model.ts';
import type { Usage, UsageEntry, UsageSpan } from '../../src/ports/usage.ts';
import type { Documents } from '../engine/projection.ts';
import { historyModel } from './document.ts';

export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;

/** Each attempt counts in an hour and in a day, so that a month is read by its days. */
const periods = { hour: hourMs, day: dayMs } as const;
type Period = keyof typeof periods;

/** Those of one partition, because a document is written from one only. */
export interface UsageDocument extends UsageSums {
  readonly period: Period;
  /** Of the hour or day (UTC), milliseconds since the epoch. */
  readonly startMs: number;
  readonly partition: number;
  readonly clientId: string;
  readonly provider: string;
  readonly model: string;
}

/** In the model of the messages, because they tell which events count. */
export const usageSpec: CollectionSpec<UsageDocument> = {
  name: 'usage',
  model: historyModel,
  version: 1,
  indexes: {
    byTime: { equals: ['period'], order: 'startMs' },
    byClient: { equals: ['period', 'clientId'], order: 'startMs' },
  },
  constant: ['period', 'clientId', 'startMs'],
};

/** Whose attempts, told of by which record. */
interface Told {
  readonly partition: number;
  readonly clientId: string;
  readonly offset: number;
  readonly timeMs: number;
}

/** Counts what the record tells of attempts that none before it told of. */
export function noteUsage(told: readonly AttemptUsage[], of: Told, documents: Documents): void {
  // A record changes a document once: what it tells of attempts at one model goes in together.
  for (const [model, used] of Map.groupBy(told, ({ provider, model }) => JSON.stringify([provider, model]))) {
    for (const period of ['hour', 'day'] as const) noteIn(period, model, used, of, documents);
  }
}

function noteIn(
  period: Period,
  providersModel: string,
  used: readonly AttemptUsage[],
  { partition, clientId, offset, timeMs }: Told,
  documents: Documents,
): void {
  const [provider = '', model = ''] = JSON.parse(providersModel) as string[];
  const startMs = timeMs - (timeMs % periods[period]);
  const key = { period, startMs, partition, clientId, provider, model };
  documents.updateLater<UsageDocument>(usageSpec.name, idOf(key), offset, (before) => ({
    ...key,
    ...used.reduce(withAttempt, before ?? nothingUsed),
  }));
}

function idOf({ period, startMs, partition, clientId, provider, model }: Omit<UsageDocument, keyof UsageSums>): string {
  return JSON.stringify([period, startMs, partition, clientId, provider, model]);
}

/** Documents read at once. */
const batchSize = 1_000;

/** The usage of this store. */
export function usageIn(store: ReadModelStore): Usage {
  const documents = store.collection(usageSpec);
  return {
    async *between(span) {
      for (const { period, fromMs, toMs } of stretchesOf(span)) {
        yield* documentsOf(documents, { ...span, fromMs, toMs }, period);
      }
    },
  };
}

interface Stretch {
  readonly period: Period;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Whole days where they may be, and the hours before and after them. */
function stretchesOf({ fromMs, toMs, byDay }: UsageSpan): readonly Stretch[] {
  const firstDayMs = Math.ceil(fromMs / dayMs) * dayMs;
  const lastDayMs = Math.floor(toMs / dayMs) * dayMs;
  if (!byDay || firstDayMs >= lastDayMs) return [{ period: 'hour', fromMs, toMs }];
  const stretches: readonly Stretch[] = [
    { period: 'hour', fromMs, toMs: firstDayMs },
    { period: 'day', fromMs: firstDayMs, toMs: lastDayMs },
    { period: 'hour', fromMs: lastDayMs, toMs },
  ];
  return stretches.filter((stretch) => stretch.fromMs < stretch.toMs);
}

async function* documentsOf(
  documents: Collection<UsageDocument>,
  { fromMs, toMs, clientId }: UsageSpan,
  period: Period,
): AsyncIterable<readonly UsageEntry[]> {
  const index = clientId === undefined ? 'byTime' : 'byClient';
  const equals = clientId === undefined ? [period] : [period, clientId];
  for (let after: Place = { order: fromMs, id: '' }; ; ) {
    const found = await documents.page({ index, equals, after, limit: batchSize });
    const within = found.filter(({ startMs }) => startMs < toMs);
    if (within.length > 0) yield within;
    const last = found.at(-1);
    if (last === undefined || found.length < batchSize || within.length < found.length) return;
    after = { order: last.startMs, id: idOf(last) };
  }
}
