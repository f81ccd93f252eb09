import { startOf, startOfNext, type UsagePeriod } from '../../domain/conversation/usage-periods.ts';
import { addSums, nothingUsed, type UsageSums } from '../../domain/conversation/usage-sums.ts';
import { invalidField, Refused } from '../../domain/errors/catalogue.ts';
import type { Ids } from '../../ports/ids.ts';
import type { Usage, UsageEntry } from '../../ports/usage.ts';
import type { Caller } from '../caller.ts';
import type { PageArguments } from './history-reads.ts';
import { effectivePageSize, pageToken, placeOfToken } from './page.ts';
import { type UsageFilter, usageFilter } from './usage-filter.ts';

export interface UsageReadsDeps {
  readonly usage: Usage;
  readonly ids: Pick<Ids, 'hash'>;
}

/** What rows are told apart by. */
export type UsageGrouping = 'client' | 'group' | 'model' | UsagePeriod;

/** A time, among what rows are told apart by. */
const isPeriod = (grouping: UsageGrouping): grouping is UsagePeriod =>
  grouping === 'hour' || grouping === 'day' || grouping === 'month';

/** Which usage. */
export interface UsageQuestion {
  /** Milliseconds since the epoch. Moved back to a full hour (UTC). */
  readonly fromMs: number | undefined;
  /** Moved on to a full hour. undefined: up to now. */
  readonly toMs: number | undefined;
  readonly groupBy: readonly UsageGrouping[];
  readonly filter: string;
}

/** What attempts used, and whose, at what, and when, as far as was asked. */
export interface UsageRow extends UsageSums {
  readonly clientId?: string | undefined;
  readonly group?: string | undefined;
  readonly provider?: string | undefined;
  readonly model?: string | undefined;
  readonly startMs?: number | undefined;
}

export interface UsagePage {
  readonly rows: readonly UsageRow[];
  /** Of all rows. */
  readonly total: UsageRow;
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
  readonly nextPageToken: string;
}

/** Sums of the read model that a report may be made of. */
const maxEntries = 200_000;

/** Reports of what attempts at replies used. */
export class UsageReads {
  readonly #deps: UsageReadsDeps;

  constructor(deps: UsageReadsDeps) {
    this.#deps = deps;
  }

  /**
   * Rows in the order of what they are grouped by. Operators ask about everybody, others about themselves. Throws NOT_YOURS, FRAME_INVALID,
   * PAGE_TOKEN_INVALID; rejects with ReadModelUnavailable.
   */
  async query(caller: Caller, question: UsageQuestion, page: PageArguments): Promise<UsagePage> {
    const filter = ownFilter(caller, usageFilter(question.filter));
    const span = spanOf(question);
    const { groupBy } = question;
    const list = `usage/${this.#deps.ids.hash(JSON.stringify([filter, span, groupBy]))}`;
    const after = placeOfToken(list, page.pageToken);
    const { rows, total } = await this.#rows(span, filter, groupBy);
    const keys = [...rows.keys()].filter((key) => after === undefined || key > after.id).sort();
    const shown = keys.slice(0, effectivePageSize(page.pageSize));
    const last = keys.length > shown.length ? shown.at(-1) : undefined;
    return {
      rows: shown.flatMap((key) => rows.get(key) ?? []),
      total,
      ...span,
      nextPageToken: pageToken(list, last === undefined ? null : { order: 0, id: last }),
    };
  }

  async #rows({ fromMs, toMs }: Span, filter: UsageFilter, groupBy: readonly UsageGrouping[]) {
    const { client, group } = filter;
    const isOfAll = !groupBy.includes('client') && !groupBy.includes('group') && group === undefined;
    const everybody = isOfAll ? 'all clients' : 'each client';
    const of = client === undefined ? everybody : { clientId: client };
    const longest = groupBy.find(isPeriod) ?? 'month';
    const rows = new Map<string, UsageRow>();
    const total = {
      ...(client !== undefined && { clientId: client }),
      ...(group !== undefined && { group }),
      ...nothingUsed,
    };
    let entries = 0;
    for await (const batch of this.#deps.usage.between({ fromMs: fromMs ?? 0, toMs: toMs ?? Infinity, longest, of })) {
      entries += batch.length;
      if (entries > maxEntries)
        throw invalidField(
          'from_time',
          `a shorter time, or rows of longer times: this report is made of over ${maxEntries} sums`,
        );
      for (const entry of batch) {
        if (!isAskedFor(entry, filter)) continue;
        addSums(total, entry);
        const key = groupBy.map((grouping) => keyOf(grouping, entry)).join(separator);
        const row = rows.get(key) ?? rowOf(groupBy, entry, filter);
        addSums(row, entry);
        rows.set(key, row);
      }
    }
    return { rows, total };
  }
}

/** Throws NOT_YOURS. */
function ownFilter(caller: Caller, filter: UsageFilter): UsageFilter {
  if (caller.kind === 'anybody' || caller.isOperator) return filter;
  if (filter.client !== undefined && filter.client !== caller.clientId)
    throw new Refused('NOT_YOURS', 'only operators ask about others');
  return { ...filter, client: caller.clientId };
}

interface Span {
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
}

/** Whole hours. Throws FRAME_INVALID for a question of no such span, or of rows that cannot be told apart so. */
function spanOf({ fromMs, toMs, groupBy }: UsageQuestion): Span {
  if (new Set(groupBy).size < groupBy.length) throw invalidField('group_by', 'each once at most');
  if (groupBy.filter(isPeriod).length > 1) throw invalidField('group_by', 'one of hour, day and month at most');
  if (fromMs !== undefined && toMs !== undefined && toMs <= fromMs) throw invalidField('to_time', 'after from_time');
  return {
    fromMs: fromMs === undefined ? undefined : Math.max(0, startOf('hour', fromMs)),
    toMs: toMs === undefined ? undefined : startOfNext('hour', toMs - 1),
  };
}

function isAskedFor(
  entry: UsageEntry,
  { group = entry.group, provider = entry.provider, model = entry.model }: UsageFilter,
): boolean {
  return entry.group === group && entry.provider === provider && entry.model === model;
}

/** It sorts before any character of an id or a name. */
const separator = '\0';

/** Sorts as what it stands for. */
function keyOf(grouping: UsageGrouping, { clientId = '', group = '', provider, model, startMs }: UsageEntry): string {
  switch (grouping) {
    case 'group':
      return group;
    case 'client':
      return clientId;
    case 'model':
      return `${provider}${separator}${model}`;
    default:
      return new Date(startOf(grouping, startMs)).toISOString();
  }
}

function rowOf(groupBy: readonly UsageGrouping[], entry: UsageEntry, filter: UsageFilter): UsageRow {
  const { client } = filter;
  const period = groupBy.find(isPeriod);
  const group = filter.group ?? (groupBy.includes('group') ? entry.group : undefined);
  const clientId = client ?? (groupBy.includes('client') ? entry.clientId : undefined);
  return {
    ...(clientId !== undefined && { clientId }),
    ...(group !== undefined && { group }),
    ...(groupBy.includes('model') && { provider: entry.provider, model: entry.model }),
    ...(period !== undefined && { startMs: startOf(period, entry.startMs) }),
    ...nothingUsed,
  };
}
