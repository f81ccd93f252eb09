import { originLine } from '../markdown.ts';
import type { LoadResult } from '../result.ts';
import { leavesOf, type Rows } from './settings.ts';
import { columns, messagesTable, processesTable, type Table, timesTable } from './tables.ts';
import { totalsOf } from './totals.ts';
import { nameOf } from './wording.ts';

type Figure = readonly [name: string, value: number | undefined];

/** The figures of a table, each by the name of its row and its column. */
function figuresIn({ head, rows }: Table, unit = ''): readonly Figure[] {
  return rows.flatMap(([row, ...cells]) =>
    cells.flatMap((cell, index): Figure[] => {
      const column = head[index + 1] ?? '';
      return typeof cell === 'string' || column === 'count' ? [] : [[`${row}, ${column}${unit}`, cell]];
    }),
  );
}

/** undefined: not measured. */
function figuresOf(result: LoadResult): ReadonlyMap<string, number | undefined> {
  const { answeredPerSecond, errors, violations } = totalsOf(result);
  return new Map([
    ['answered a second', answeredPerSecond],
    ['errors', errors],
    ['violations', violations],
    ...figuresIn(messagesTable(result)),
    ...figuresIn(timesTable(result), ' ms'),
    ...figuresIn(processesTable(result)),
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
function ratio(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined || a === 0 ? undefined : b / a;
}

/** Two results beside each other, for the terminal: each figure of both, and that of `b` over that of `a`; and whether that means anything. */
export function comparison(a: LoadResult, b: LoadResult): string {
  const [ofA, ofB] = [figuresOf(a), figuresOf(b)];
  const rows = [...new Set([...ofA.keys(), ...ofB.keys()])]
    .map((name) => [name, ofA.get(name), ofB.get(name), ratio(ofA.get(name), ofB.get(name))] as const)
    .filter(([, valueA, valueB]) => valueA !== undefined || valueB !== undefined);
  const told = (name: string, result: LoadResult) => `${name}  ${nameOf(result)}: ${originLine(result.origin)}`;
  return [
    `${told('a', a)}\n${told('b', b)}`,
    alikeness(a, b),
    columns({ head: ['', 'a', 'b', 'b over a'], rows }),
  ].join('\n\n');
}
