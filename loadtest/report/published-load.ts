import type { Distribution, KindFigures } from '../driver/figures.ts';
import type { Kind } from '../driver/load.ts';
import { table } from '../markdown.ts';
import type { LoadResult } from '../result.ts';
import { totalsOf } from './totals.ts';
import { count, missing, nameParts, size } from './wording.ts';

/** What was published of one kind. */
interface PublishedKind {
  readonly kind: Kind;
  readonly meanMs: number;
  /** Drawn evenly from this. */
  readonly simulatedMs: readonly [number, number];
  readonly meanBytes: number;
}

/** Figures as their authors gave them. Of percentiles they said nothing. */
const published = {
  requests: 6_353,
  failures: 0,
  requestsPerSecond: 52.95,
  kinds: [
    { kind: 'text', meanMs: 553.77, simulatedMs: [0, 1_000], meanBytes: 42 },
    { kind: 'voice', meanMs: 1_569.77, simulatedMs: [1_000, 2_000], meanBytes: 62_000 },
    { kind: 'video', meanMs: 2_586.65, simulatedMs: [2_000, 3_000], meanBytes: 143_000 },
  ] satisfies readonly PublishedKind[],
} as const;

/** The scenario that puts the same load on. */
const scenarioName = 'published';

/** As exact as theirs were given. */
function exact(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: 2, minimumFractionDigits: 2 });
}

function exactOf(distribution: Distribution | undefined, name: 'mean' | 'p50' | 'p99'): string {
  return distribution === undefined || distribution.count === 0 ? missing : exact(distribution[name]);
}

/** A figure of theirs, and how to find it in a result of ours. */
type Row = readonly [name: string, theirs: string, ours: (result: LoadResult) => string];

function rowsOfKind({ kind, meanMs, simulatedMs: [from, to], meanBytes }: PublishedKind): readonly Row[] {
  const of = (told: (figures: KindFigures) => string) => (result: LoadResult) => {
    const figures = result.driver.kinds[kind];
    return figures === undefined ? missing : told(figures);
  };
  const above = (name: 'mean' | 'p50' | 'p99') => of(({ aboveSimulatedMs }) => exactOf(aboveSimulatedMs, name));
  return [
    [`${kind}, mean content`, size(meanBytes), of((figures) => size(figures.meanBytes))],
    [`${kind}, reply, mean ms`, exact(meanMs), of(({ replyMs }) => exactOf(replyMs, 'mean'))],
    [`${kind}, above simulated, mean ms`, exact(meanMs - (from + to) / 2), above('mean')],
    [`${kind}, above simulated, p50 ms`, missing, above('p50')],
    [`${kind}, above simulated, p99 ms`, missing, above('p99')],
  ];
}

const rows: readonly Row[] = [
  ['requests', count(published.requests), (result) => count(totalsOf(result).said)],
  ['failures', count(published.failures), (result) => count(failuresOf(result))],
  ['requests a second', exact(published.requestsPerSecond), (result) => exact(totalsOf(result).saidPerSecond)],
  ...published.kinds.flatMap(rowsOfKind),
];

/** Everything said that got no reply, for whatever reason. */
function failuresOf(result: LoadResult): number {
  const { said, answered } = totalsOf(result);
  return said - answered;
}

/** Our figures beside those that somebody else has published of the same load. */
export function besidePublished(results: readonly LoadResult[]): string {
  const ours = results.filter(({ scenario }) => scenario === scenarioName);
  const head = ['', 'published', ...ours.map((result) => nameParts(result).slice(1).join(', '))];
  return table(
    head,
    rows.map(([name, theirs, find]) => [name, theirs, ...ours.map(find)]),
  );
}
