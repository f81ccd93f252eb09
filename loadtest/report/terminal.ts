import type { DriverTick } from '../driver/figures.ts';
import { missing, number, originLine } from '../markdown.ts';
import type { LoadResult, SystemTick } from '../result.ts';
import { findingsOf } from './findings.ts';
import { aimsTable, columns, errorsTable, messagesTable, processesTable, type Table, timesTable } from './tables.ts';
import { totalsOf } from './totals.ts';
import { count, figure, nameOf } from './wording.ts';

/** A narrow terminal does not break it. */
const maxLineColumns = 100;

const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

function short(value: number): string {
  return compact.format(value).padStart(5);
}

function shortTime(ms: number | undefined): string {
  if (ms === undefined) return missing.padStart(7);
  return (ms < 1_000 ? `${number(ms)} ms` : `${number(ms / 1_000)} s`).padStart(7);
}

/** The second that has just gone by, in one line of at most 100 columns. */
export function summaryLine(tick: DriverTick, system?: SystemTick): string {
  const { second, connected, waiting, said, answered, errors, inFlight, replyP50Ms, replyP99Ms } = tick;
  const hasReplies = answered > 0;
  const parts = [
    `${count(second).padStart(5)} s`,
    `${short(connected)} clients`,
    `said ${short(said)}/s`,
    `answered ${short(answered)}/s`,
    `p50 ${shortTime(hasReplies ? replyP50Ms : undefined)}  p99 ${shortTime(hasReplies ? replyP99Ms : undefined)}`,
    system === undefined ? `${short(inFlight)} open` : `${short(system.processing)} in work`,
    ...(errors > 0 ? [`${compact.format(errors)} errors`] : []),
    ...(waiting > 0 ? [`${compact.format(waiting)} in line`] : []),
  ];
  return parts.join('  ').slice(0, maxLineColumns);
}

/** Rows of which nothing was measured only take room in a terminal. */
function measuredOnly({ head, rows }: Table): Table {
  return { head, rows: rows.filter((cells) => cells.at(-1) !== undefined) };
}

/** What came of a run, for the terminal; several lines. */
export function summary(result: LoadResult): string {
  const { origin, notes, events, driver, verdict } = result;
  const { answered, answeredPerSecond } = totalsOf(result);
  const tables = [messagesTable(result), measuredOnly(timesTable(result)), processesTable(result), errorsTable(result)];
  const marked = findingsOf(result).map(({ words, isGood }) => `${isGood ? '✓' : '✗'} ${words}`);
  const blocks = [
    `${nameOf(result)}: ${count(answered)} answered, ${figure(answeredPerSecond)} a second\n${originLine(origin)}`,
    ...tables.filter(({ rows }) => rows.length > 0).map(columns),
    events.map(({ second, what }) => `at ${number(second)} s: ${what}`).join('\n'),
    result.aims.length === 0 ? '' : columns(aimsTable(result)),
    [...marked, ...driver.violationExamples, ...verdict.audit.breaches].join('\n'),
    notes.join('\n'),
  ];
  return blocks.filter((block) => block !== '').join('\n\n');
}
