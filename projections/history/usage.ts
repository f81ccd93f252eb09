import type { AttemptUsage } from '../../src/domain/conversation/events.ts';
import {
  type Stretch,
  startOf,
  stretchesOf,
  type UsagePeriod,
  usagePeriods,
} from '../../src/domain/conversation/usage-periods.ts';
import {
  nonZero,
  nothingUsed,
  type UsageSums,
  withAttempt,
  withSums,
} from '../../src/domain/conversation/usage-sums.ts';
import type { Collection, CollectionSpec, Place, ReadModelStore } from '../../src/ports/read-model.ts';
import type { Usage, UsageEntry, UsageSpan } from '../../src/ports/usage.ts';
import type { Documents } from '../engine/projection.ts';
import { historyModel } from './document.ts';

/**
 * Each attempt counts in an hour, a day and a month, once for its client and once for all: a report reads few documents, however many messages it is
 * about.
 */
export interface UsageDocument extends UsageEntry {
  readonly period: UsagePeriod;
  readonly scope: 'client' | 'all';
  /** A document is written from one partition only. */
  readonly partition: number;
}

/** In the model of the messages, because they tell which events count. */
export const usageSpec: CollectionSpec<UsageDocument> = {
  name: 'usage',
  model: historyModel,
  version: 1,
  indexes: {
    byTime: { equals: ['scope', 'period'], order: 'startMs' },
    byClient: { equals: ['clientId', 'period'], order: 'startMs' },
  },
  constant: ['scope', 'period', 'clientId', 'startMs'],
};

/** Whose attempts, told of by which record. */
interface Told {
  readonly partition: number;
  readonly clientId: string;
  readonly offset: number;
  readonly timeMs: number;
}

/** Counts what the record tells of attempts that none before it told of. */
export function noteUsage(told: readonly AttemptUsage[], { clientId, ...of }: Told, documents: Documents): void {
  // A record changes a document once: what it tells of attempts at one model goes in together.
  for (const used of Map.groupBy(told, ({ provider, model }) => JSON.stringify([provider, model])).values()) {
    for (const period of usagePeriods) {
      noteIn({ period, scope: 'client', clientId }, used, of, documents);
      noteIn({ period, scope: 'all' }, used, of, documents);
    }
  }
}

function noteIn(
  key: Pick<UsageDocument, 'period' | 'scope' | 'clientId'>,
  used: readonly AttemptUsage[],
  { partition, offset, timeMs }: Omit<Told, 'clientId'>,
  documents: Documents,
): void {
  const { provider = '', model = '' } = used[0] ?? {};
  const whole = { ...key, startMs: startOf(key.period, timeMs), partition, provider, model };
  documents.updateLater<UsageDocument>(usageSpec.name, idOf(whole), offset, (before) => ({
    ...whole,
    ...nonZero(used.reduce(withAttempt, withSums(nothingUsed, before ?? {}))),
  }));
}

function idOf(of: Omit<UsageDocument, keyof UsageSums>): string {
  const { period, startMs, partition, clientId = null, provider, model } = of;
  return JSON.stringify([period, startMs, partition, clientId, provider, model]);
}

/** Documents read at once. */
const batchSize = 1_000;

/** The usage of this store. */
export function usageIn(store: ReadModelStore): Usage {
  const documents = store.collection(usageSpec);
  return {
    async *between({ fromMs, toMs, longest, of }) {
      for (const stretch of stretchesOf(fromMs, toMs, longest)) yield* documentsOf(documents, stretch, of);
    },
  };
}

async function* documentsOf(
  documents: Collection<UsageDocument>,
  { period, fromMs, toMs }: Stretch,
  of: UsageSpan['of'],
): AsyncIterable<readonly UsageEntry[]> {
  const which =
    typeof of === 'string'
      ? { index: 'byTime', equals: [of === 'all clients' ? 'all' : 'client', period] }
      : { index: 'byClient', equals: [of.clientId, period] };
  for (let after: Place = { order: fromMs, id: '' }; ; ) {
    const found = await documents.page({ ...which, after, limit: batchSize });
    const within = found.filter(({ startMs }) => startMs < toMs);
    if (within.length > 0) yield within;
    const last = found.at(-1);
    if (last === undefined || found.length < batchSize || within.length < found.length) return;
    after = { order: last.startMs, id: idOf(last) };
  }
}
