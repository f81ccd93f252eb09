import type { Distribution, KindFigures } from '../driver/figures.ts';
import { kinds } from '../driver/load.ts';
import { originLine } from '../markdown.ts';
import type { LoadResult } from '../result.ts';
import { columns } from './columns.ts';
import { leavesOf, type Rows } from './settings.ts';
import { totalsOf } from './totals.ts';
import { figure, missing, nameOf } from './wording.ts';

/** undefined: not measured. */
type Figures = ReadonlyMap<string, number | undefined>;

function shares(
  name: string,
  distribution: Distribution | undefined,
): readonly (readonly [string, number | undefined])[] {
  const known = distribution !== undefined && distribution.count > 0 ? distribution : undefined;
  return (['mean', 'p50', 'p90', 'p99', 'max'] as const).map((of) => [`${name}, ${of} ms`, known?.[of]]);
}

function ofKind(kind: string, figures: KindFigures): readonly (readonly [string, number | undefined])[] {
  return [
    [`${kind}, said`, figures.said],
    [`${kind}, answered`, figures.answered],
    [`${kind}, lost`, figures.lost],
    ...shares(`${kind}, accepted`, figures.acceptedMs),
    ...shares(`${kind}, first piece`, figures.firstPieceMs),
    ...shares(`${kind}, complete reply`, figures.replyMs),
    ...shares(`${kind}, above simulated`, figures.aboveSimulatedMs),
  ];
}

function figuresOf(result: LoadResult): Figures {
  const { answeredPerSecond, errors, violations } = totalsOf(result);
  const { driver, processes } = result;
  return new Map([
    ['answered a second', answeredPerSecond],
    ['errors', errors],
    ['violations', violations],
    ...kinds.flatMap((kind) => {
      const figures = driver.kinds[kind];
      return figures === undefined ? [] : ofKind(kind, figures);
    }),
    ...shares('connected', driver.connectMs),
    ...shares('resumed', driver.resumedMs),
    ...shares('piece after its time', driver.betweenPiecesMs),
    ...shares('page of history', driver.historyReadMs),
    ...Object.entries(processes).flatMap(([name, { cpuSecondsPer1000, residentMib }]) => [
      [`${name}, CPU s per 1,000`, cpuSecondsPer1000] as const,
      [`${name}, resident MiB`, residentMib] as const,
    ]),
  ]);
}

/** What both runs must have had alike for their figures to be compared. */
function conditionsOf({ scenario, profile, origin, load, limits, settings }: LoadResult): Rows {
  const { commit: _commit, date: _date, ...machine } = origin;
  return { scenario, profile, ...leavesOf({ machine, load, limits }), ...settings };
}

function differences(a: Rows, b: Rows): readonly string[] {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return names
    .filter((name) => a[name] !== b[name])
    .map((name) => `  ${name}: ${a[name] ?? 'not set'} → ${b[name] ?? 'not set'}`);
}

function alikeness(a: LoadResult, b: LoadResult): string {
  const different = differences(conditionsOf(a), conditionsOf(b));
  if (different.length > 0) {
    const commits = differences({ commit: a.origin.commit }, { commit: b.origin.commit });
    return `They differ, so the ratios do not compare like with like:\n${[...different, ...commits].join('\n')}`;
  }
  // A + stands for changes that are in no commit, so two of them may be of different code.
  const isSameCode = a.origin.commit === b.origin.commit && !a.origin.commit.endsWith('+');
  return isSameCode
    ? 'The same commit, machine, load and settings: what differs is chance.'
    : 'The same machine, load and settings: what differs is the code, and chance.';
}

/** Has no meaning over nothing, nor of what one of them has not measured. */
function ratio(a: number | undefined, b: number | undefined): string {
  return a === undefined || b === undefined || a === 0 ? missing : figure(b / a);
}

/** Two results beside each other, for the terminal: each figure of both, and that of `b` over that of `a`; and whether that means anything. */
export function comparison(a: LoadResult, b: LoadResult): string {
  const [ofA, ofB] = [figuresOf(a), figuresOf(b)];
  const names = [...new Set([...ofA.keys(), ...ofB.keys()])];
  const rows = names
    .filter((name) => ofA.get(name) !== undefined || ofB.get(name) !== undefined)
    .map((name) => [name, figure(ofA.get(name)), figure(ofB.get(name)), ratio(ofA.get(name), ofB.get(name))]);
  const told = (name: string, result: LoadResult) => `${name}  ${nameOf(result)}: ${originLine(result.origin)}`;
  return [
    `${told('a', a)}\n${told('b', b)}`,
    alikeness(a, b),
    columns({ head: ['', 'a', 'b', 'b over a'], rows }),
  ].join('\n\n');
}
