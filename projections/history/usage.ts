import type { AttemptUsage } from '../../src/domain/conversation/events.ts';
import {
  type Stretch,
  startOf,
  stretchesOf,
  type UsagePeriod,
  usagePeriods,
} from '../../src/domain/conversation/usage-periods.ts';
import { sumsOf, type UsageSums, withNonZero } from '../../src/domain/conversation/usage-sums.ts';
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
  readonly group: string | undefined;
  readonly offset: number;
  readonly timeMs: number;
}

/** Counts what the record tells of attempts that none before it told of. */
export function noteUsage(told: readonly AttemptUsage[], { clientId, group, ...of }: Told, documents: Documents): void {
  for (const { provider, model, used } of byModel(told)) {
    for (const period of usagePeriods) {
      const startMs = startOf(period, of.timeMs);
      const ofAll = { period, startMs, partition: of.partition, provider, model };
      const ofClient = { ...ofAll, scope: 'client' as const, clientId, ...(group !== undefined && { group }) };
      noteIn(ofClient, used, of.offset, documents);
      noteIn({ ...ofAll, scope: 'all' }, used, of.offset, documents);
    }
  }
}

interface UsedAtModel {
  readonly provider: string;
  readonly model: string;
  readonly used: Partial<UsageSums>;
}

/** A record changes a document once: what it tells of attempts at one model goes in together. */
function byModel(told: readonly AttemptUsage[]): readonly UsedAtModel[] {
  const models: UsedAtModel[] = [];
  for (const usage of told) {
    const { provider, model } = usage;
    const known = models.findIndex((one) => one.provider === provider && one.model === model);
    const used = withNonZero(models[known]?.used ?? {}, sumsOf(usage));
    models[known < 0 ? models.length : known] = { provider, model, used };
  }
  return models;
}

type Key = Omit<UsageDocument, keyof UsageSums>;

function noteIn(key: Key, used: Partial<UsageSums>, offset: number, documents: Documents): void {
  documents.updateLater<UsageDocument>(usageSpec.name, idOf(key), offset, (before) => {
    const known: UsageDocument = before ?? key;
    return withNonZero(known, used);
  });
}

function idOf({ period, startMs, partition, clientId, group, provider, model }: Key): string {
  const id = [period, startMs, partition, clientId ?? null, provider, model];
  return JSON.stringify(group === undefined ? id : [...id, group]);
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
