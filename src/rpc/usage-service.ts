import type { UsageGrouping, UsageReads, UsageRow } from '../app/reading/usage-reads.ts';
import type { Prices } from '../app/spending/prices.ts';
import { type UsageSums, usageFigures } from '../domain/conversation/usage-sums.ts';
import { Refused } from '../domain/errors/catalogue.ts';
import {
  UsageGrouping as GroupingOnWire,
  type UsageRow as RowOnWire,
  type UsageServiceServer,
} from '../gen/chat/v1/usage_service.ts';
import { type Calls, unary } from './calls.ts';
import { timeMsOf } from './wire-values.ts';

const groupings: Readonly<Partial<Record<GroupingOnWire, UsageGrouping>>> = {
  [GroupingOnWire.CLIENT]: 'client',
  [GroupingOnWire.GROUP]: 'group',
  [GroupingOnWire.MODEL]: 'model',
  [GroupingOnWire.HOUR]: 'hour',
  [GroupingOnWire.DAY]: 'day',
  [GroupingOnWire.MONTH]: 'month',
};

/** Throws FRAME_INVALID. */
function groupingFromWire(grouping: GroupingOnWire): UsageGrouping {
  const found = groupings[grouping];
  if (found !== undefined) return found;
  throw new Refused('FRAME_INVALID', 'there is no such grouping', {
    violations: [{ field: 'group_by', description: 'client, group, model, hour, day and month' }],
  });
}

function rowToWire({ clientId = '', group = '', provider = '', model = '', startMs, ...sums }: UsageRow): RowOnWire {
  const startTime = dateOf(startMs);
  return { clientId, group, provider, model, ...(startTime && { startTime }), ...sumsToWire(sums) };
}

function sumsToWire(sums: UsageSums): Record<keyof UsageSums, bigint> {
  return Object.fromEntries(usageFigures.map((figure) => [figure, BigInt(sums[figure])])) as Record<
    keyof UsageSums,
    bigint
  >;
}

function dateOf(timeMs: number | undefined): Date | undefined {
  return timeMs === undefined ? undefined : new Date(timeMs);
}

/** UsageService over the read model of usage. */
export function usageService(usage: UsageReads, prices: Pick<Prices, 'currency'>, calls: Calls): UsageServiceServer {
  return {
    queryUsage: unary(calls, async ({ fromTime, toTime, groupBy, filter, ...page }, caller) => {
      const times = { fromMs: timeMsOf(fromTime, 'from_time'), toMs: timeMsOf(toTime, 'to_time') };
      const question = { ...times, groupBy: groupBy.map(groupingFromWire), filter };
      const { rows, total, fromMs, toMs, nextPageToken } = await usage.query(caller, question, page);
      return {
        rows: rows.map(rowToWire),
        total: rowToWire(total),
        fromTime: dateOf(fromMs),
        toTime: dateOf(toMs),
        nextPageToken,
        currency: prices.currency,
      };
    }),
  };
}
