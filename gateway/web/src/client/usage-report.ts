import { timestampDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type Budget,
  BudgetPeriod,
  BudgetScope,
  BudgetUnit,
  SpendingService,
} from '../../../../src/client/gen/chat/v1/spending_service_pb.js';
import {
  UsageGrouping,
  UsageService,
  type UsageRow as WireRow,
} from '../../../../src/client/gen/chat/v1/usage_service_pb.js';
import { moneyText } from '../../../../src/client/money.ts';
import { allItems } from '../../../../src/client/pages.ts';
import type { Parley } from '../../../../src/client/parley.ts';
import type { OwnBudget, OwnUse, Refusal, UsageBar, UsageReport, UsageReportRow, UsageReportWish } from './app.ts';
import { type Calls, shownRefusal } from './calls.ts';

/** More than anybody reads here; `parley usage report` has all. */
const maxRows = 200;

/** How many bars a plot of each span has, and when the nth before the one of now began (UTC), in milliseconds since the epoch. */
const spans = {
  day: { bars: 24, by: UsageGrouping.HOUR, startMs: (now: Date, before: number) => utcOf(now, 0, 0, -before) },
  month: { bars: 30, by: UsageGrouping.DAY, startMs: (now: Date, before: number) => utcOf(now, 0, -before) },
  year: { bars: 12, by: UsageGrouping.MONTH, startMs: (now: Date, before: number) => utcOf(now, -before) },
} as const;

/** The beginning of the month, day or hour of this time, moved by so many. */
function utcOf(now: Date, months: number, days?: number, hours?: number): number {
  const month = now.getUTCMonth() + months;
  if (days === undefined) return Date.UTC(now.getUTCFullYear(), month);
  const day = now.getUTCDate() + days;
  if (hours === undefined) return Date.UTC(now.getUTCFullYear(), month, day);
  return Date.UTC(now.getUTCFullYear(), month, day, now.getUTCHours() + hours);
}

const groupings = {
  client: UsageGrouping.CLIENT,
  group: UsageGrouping.GROUP,
  model: UsageGrouping.MODEL,
} as const satisfies Record<UsageReportWish['by'], UsageGrouping>;

/** What replies used in a span that ends now: by its parts, and by client or model. Resolves with the refusal when it cannot be read. */
export async function readUsageReport(
  calls: Calls,
  { span, by }: UsageReportWish,
  now: Date,
): Promise<UsageReport | Refusal> {
  const { bars, by: period, startMs } = spans[span];
  const starts = Array.from({ length: bars }, (_, index) => startMs(now, bars - 1 - index));
  const service = calls.service(UsageService);
  const fromTime = timestampFromMs(starts[0] ?? 0);
  const list = async (grouping: UsageGrouping) => {
    const rows: WireRow[] = [];
    let currency = '';
    const all = allItems({ limit: maxRows }, async (page) => {
      const answer = await service.queryUsage({ fromTime, groupBy: [grouping], ...page });
      ({ currency } = answer);
      return { items: answer.rows, nextPageToken: answer.nextPageToken };
    });
    for await (const row of all) rows.push(row);
    return { rows, currency };
  };
  try {
    const [overTime, { rows, currency }] = await Promise.all([list(period), list(groupings[by])]);
    const at = new Map(overTime.rows.map((row) => [row.startTime && timestampDate(row.startTime).getTime(), row]));
    return {
      bars: starts.map((start) => barOf(new Date(start), at.get(start))),
      rows: rows.map((row) => rowOf(row, by)).sort((left, right) => right.tokensOut - left.tokensOut),
      currency,
      isCut: rows.length === maxRows,
    };
  } catch (error) {
    return shownRefusal(error);
  }
}

function barOf(at: Date, row: WireRow | undefined): UsageBar {
  return { at, tokensIn: Number(row?.inputTokens ?? 0), tokensOut: Number(row?.outputTokens ?? 0) };
}

function nameOf({ clientId, group, provider, model }: WireRow, by: UsageReportWish['by']): string {
  if (by === 'model') return `${provider} ${model}`;
  return by === 'client' ? clientId : group || 'no group';
}

function rowOf(row: WireRow, by: UsageReportWish['by']): UsageReportRow {
  const { completed, failed, stopped, lost, ...used } = row;
  return {
    name: nameOf(row, by),
    replies: Number(completed),
    others: Number(failed + stopped + lost),
    tokensIn: Number(used.inputTokens),
    tokensOut: Number(used.outputTokens),
    cost: moneyText(used.costMicros),
  };
}

/** What the replies to this client used in the month of now (UTC), and its budgets. @throws Refusal */
export async function readOwnUse(parley: Parley, clientId: string, now: Date): Promise<OwnUse> {
  const fromTime = timestampFromMs(utcOf(now, 0));
  // Operators would be told of everybody.
  const filter = `client = ${JSON.stringify(clientId)}`;
  const [{ total, currency }, { budgets }] = await Promise.all([
    parley.service(UsageService).queryUsage({ fromTime, filter }),
    parley.service(SpendingService).getBudget({ clientId }),
  ]);
  return {
    replies: Number(total?.completed ?? 0),
    tokensIn: Number(total?.inputTokens ?? 0),
    tokensOut: Number(total?.outputTokens ?? 0),
    cost: currency === '' ? '' : `${moneyText(total?.costMicros ?? 0n)} ${currency}`,
    budgets: budgets.map(budgetOf),
  };
}

function budgetOf({ scope, group, period, unit, amount, left, resetTime, currency }: Budget): OwnBudget {
  const words = unit === BudgetUnit.COST ? currency : String(BudgetUnit[unit]).toLowerCase();
  const text = (value: bigint) => (unit === BudgetUnit.COST ? moneyText(value) : value.toLocaleString('en'));
  return {
    sharedWith: scope === BudgetScope.ALL ? 'everybody else' : group === '' ? '' : `the group ${group}`,
    period: String(BudgetPeriod[period]).toLowerCase(),
    amount: `${text(amount)} ${words}`,
    left: left === undefined ? undefined : text(left),
    resetAt: resetTime === undefined ? new Date() : timestampDate(resetTime),
  };
}
