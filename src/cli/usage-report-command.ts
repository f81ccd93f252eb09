import { type Timestamp, timestampDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { UsageGrouping, type UsageRow, UsageService } from '../client/gen/chat/v1/usage_service_pb.js';
import { moneyText } from '../client/money.ts';
import { allItems } from '../client/pages.ts';
import { type CommonOptions, type Surroundings, withCommonOptions } from './common-options.ts';
import { connect } from './endpoint.ts';
import { identify } from './identity.ts';
import { run } from './run.ts';
import { jsonLine } from './show.ts';
import { table } from './table.ts';
import { printableLine } from './text.ts';

const groupings = {
  client: UsageGrouping.CLIENT,
  group: UsageGrouping.GROUP,
  model: UsageGrouping.MODEL,
  hour: UsageGrouping.HOUR,
  day: UsageGrouping.DAY,
  month: UsageGrouping.MONTH,
} as const;
type Grouping = keyof typeof groupings;
const groupingNames = Object.keys(groupings) as Grouping[];

interface ReportOptions extends CommonOptions {
  readonly by: readonly Grouping[];
  readonly from?: number;
  readonly to?: number;
  readonly filter?: string;
  readonly format: 'table' | 'csv' | 'json';
}

/** Adds `parley usage report` below `parley usage`. */
export function registerUsageReport(usage: Command, surroundings: Surroundings): void {
  // What follows `report` is its own, also where `usage` has an option of that name.
  usage.enablePositionalOptions();
  usage.parent?.enablePositionalOptions();
  withCommonOptions(usage.command('report'), surroundings)
    .description('sum up what replies used: of everybody for operators, else your own')
    .addOption(
      new Option('--by <what>', `a row for each of these, e.g. client,day: ${groupingNames.join(', ')}`)
        .argParser(parseBy)
        .default(['client'], 'client'),
    )
    .option('--from <time>', 'from this time on (UTC): 2026-11, 2026-11-01 or 2026-11-01T06:00Z', parseTime)
    .option('--to <time>', 'and before this one', parseTime)
    .option('--filter <filter>', 'which, e.g. \'model = "gpt-5" AND client = "ada"\'')
    .addOption(new Option('--format <format>', 'how').choices(['table', 'csv', 'json']).default('table'))
    .action((options: ReportOptions) => run(options.address, () => showReport(options, surroundings)));
}

function parseBy(value: string): readonly Grouping[] {
  const asked = value.split(',').map((each) => each.trim());
  const unknown = asked.find((each) => !Object.hasOwn(groupings, each));
  if (unknown !== undefined) throw new InvalidArgumentError(`Give some of ${groupingNames.join(', ')}, with commas.`);
  return asked as Grouping[];
}

/** A month, a day, or a time with its zone. */
const timeForm = /^\d{4}-\d{2}(-\d{2}(T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2}))?)?$/;

function parseTime(value: string): number {
  const timeMs = timeForm.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(timeMs)) throw new InvalidArgumentError('Give 2026-11, 2026-11-01 or 2026-11-01T06:00Z.');
  return timeMs;
}

async function showReport(options: ReportOptions, surroundings: Surroundings): Promise<void> {
  const { by, from, to, filter = '', format } = options;
  using parley = connect(identify(options, surroundings).endpoint);
  const question = {
    groupBy: by.map((grouping) => groupings[grouping]),
    filter,
    ...(from !== undefined && { fromTime: timestampFromMs(from) }),
    ...(to !== undefined && { toTime: timestampFromMs(to) }),
  };
  const service = parley.service(UsageService);
  let total: UsageRow | undefined;
  let currency = '';
  const rows = await Array.fromAsync(
    allItems({}, async (page) => {
      const { rows: items, nextPageToken, ...report } = await service.queryUsage({ ...question, ...page });
      total = report.total;
      ({ currency } = report);
      return { items, nextPageToken };
    }),
  );
  process.stdout.write(reportText({ rows, total, currency, by, format }));
}

interface Report {
  readonly rows: readonly UsageRow[];
  readonly total: UsageRow | undefined;
  /** Of costs; '': prices were never set. */
  readonly currency: string;
  readonly by: readonly Grouping[];
  readonly format: ReportOptions['format'];
}

/** What a report prints. */
export function reportText(report: Report): string {
  const { rows, currency, format } = report;
  if (format === 'json')
    return rows.map((row) => jsonLine({ ...asked(row), ...(currency !== '' && { currency }) })).join('');
  if (format === 'csv') return csvOf(report);
  return rows.length === 0 ? 'Nothing was used.\n' : reportTable(report);
}

/** Without what rows are not told apart by. */
function asked(row: UsageRow): object {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== ''));
}

/** All that is counted: how it is called in a table, and its field, which CSV has in the spelling of the contract. */
const figures = [
  ['completed', 'completed'],
  ['failed', 'failed'],
  ['stopped', 'stopped'],
  ['lost', 'lost'],
  ['estimated', 'estimated'],
  ['tokens in', 'inputTokens'],
  ['cached', 'cachedInputTokens'],
  ['tokens out', 'outputTokens'],
  ['reasoning', 'reasoningTokens'],
  ['ms heard', 'soundInMs'],
  ['ms spoken', 'soundOutMs'],
  ['pictures in', 'picturesIn'],
  ['pictures out', 'picturesOut'],
  ['priced', 'priced'],
  ['cost', 'costMicros'],
] as const satisfies readonly (readonly [string, keyof UsageRow])[];

/** What every table shows, also where it is 0. */
const alwaysShown: ReadonlySet<string> = new Set(['completed', 'inputTokens', 'outputTokens']);

function reportTable({ rows, total, currency, by }: Report): string {
  const shown = figures.filter(([, field]) => isShown(rows, field));
  const keys = by.flatMap((grouping) => (grouping === 'model' ? ['provider', 'model'] : [grouping]));
  const line = (row: UsageRow) =>
    shown.map(([, field]) => (field === 'costMicros' ? `${moneyText(row[field])} ${currency}` : String(row[field])));
  const lines = rows.map((row) => [
    ...by.flatMap((grouping) => keysOf(row, grouping)).map(printableLine),
    ...line(row),
  ]);
  const sum = rows.length > 1 && total !== undefined ? [['total', ...keys.slice(1).map(() => ''), ...line(total)]] : [];
  return table(
    [[...keys, ...shown.map(([head]) => head)], ...lines, ...sum],
    [...keys.map(() => 'left' as const), ...shown.map(() => 'right' as const)],
  );
}

/** How many attempts had a price is of interest where some had none. */
function isShown(rows: readonly UsageRow[], field: (typeof figures)[number][1]): boolean {
  if (field === 'priced')
    return rows.some(({ priced }) => priced > 0n) && rows.some((row) => row.priced < attemptsIn(row));
  return alwaysShown.has(field) || rows.some((row) => row[field] !== 0n);
}

function attemptsIn({ completed, failed, stopped, lost }: UsageRow): bigint {
  return completed + failed + stopped + lost;
}

function keysOf({ clientId, group, provider, model, startTime }: UsageRow, grouping: Grouping): readonly string[] {
  switch (grouping) {
    case 'client':
      return [clientId];
    case 'group':
      return [group];
    case 'model':
      return [provider, model];
    default:
      return [timeText(startTime, grouping)];
  }
}

/** 2026-11-01 06:00Z, 2026-11-01 or 2026-11. */
function timeText(time: Timestamp | undefined, grouping: 'hour' | 'day' | 'month'): string {
  if (time === undefined) return '';
  const iso = timestampDate(time).toISOString();
  if (grouping === 'hour') return `${iso.slice(0, 16).replace('T', ' ')}Z`;
  return iso.slice(0, grouping === 'day' ? 10 : 7);
}

/** RFC 4180, with LF. */
function csvOf({ rows, currency, by }: Report): string {
  const keys = by.flatMap((grouping) => (grouping === 'model' ? ['provider', 'model'] : [grouping]));
  const heads = figures.map(([, field]) => field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  const lines = rows.map((row) => [
    ...by.flatMap((grouping) => keysOf(row, grouping)).map(csvText),
    ...figures.map(([, field]) => String(row[field])),
    currency,
  ]);
  return [[...keys, ...heads, 'currency'], ...lines].map((cells) => `${cells.join(',')}\n`).join('');
}

/** A cell that a spreadsheet takes for a formula would be run there: clients choose their ids. */
function csvText(text: string): string {
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
