import type { Distribution, KindFigures } from '../driver/figures.ts';
import { kinds } from '../driver/load.ts';
import { aimFigure, aimText } from '../markdown.ts';
import type { LoadResult } from '../result.ts';
import { figure, size } from './wording.ts';

/** A figure, undefined when it was not measured, or text. */
export type Cell = string | number | undefined;

/** What is shown as a table, wherever it is shown. The first column is text. */
export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

export function textOf(cell: Cell): string {
  return typeof cell === 'string' ? cell : figure(cell);
}

/** A table as text: the first column to the left, figures to the right, two spaces between. */
export function columns({ head, rows }: Table): string {
  const lines = [head, ...rows.map((cells) => cells.map(textOf))];
  const widths = head.map((_, column) => Math.max(...lines.map((cells) => (cells[column] ?? '').length)));
  const padded = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0);
  return lines.map((cells) => cells.map(padded).join('  ').trimEnd()).join('\n');
}

/** How many messages of each kind, and what became of them. */
export function messagesTable({ driver }: LoadResult): Table {
  const rows = kinds.flatMap((kind) => {
    const figures = driver.kinds[kind];
    if (figures === undefined) return [];
    const { said, accepted, answered, lost, meanBytes } = figures;
    return [[kind, said, accepted, answered, lost, size(said === 0 ? undefined : meanBytes)]];
  });
  return { head: ['messages', 'said', 'accepted', 'answered', 'lost', 'mean size'], rows };
}

const timesHead = ['ms', 'mean', 'p50', 'p90', 'p99', 'max', 'count'];

/** Of what was never measured no figure means anything. */
function timesRow(name: string, distribution: Distribution | undefined): readonly Cell[] {
  const { mean, p50, p90, p99, max, count } = distribution?.count ? distribution : ({} as Partial<Distribution>);
  return [name, mean, p50, p90, p99, max, count];
}

function rowsOfKind(kind: string, figures: KindFigures): readonly (readonly Cell[])[] {
  return [
    timesRow(`${kind}, accepted`, figures.acceptedMs),
    timesRow(`${kind}, first piece`, figures.firstPieceMs),
    timesRow(`${kind}, complete reply`, figures.replyMs),
    timesRow(`${kind}, above simulated`, figures.aboveSimulatedMs),
  ];
}

/** How long everything took; what was not measured says so. */
export function timesTable({ driver }: LoadResult): Table {
  const rows = [
    ...kinds.flatMap((kind) => {
      const figures = driver.kinds[kind];
      return figures === undefined ? [] : rowsOfKind(kind, figures);
    }),
    timesRow('connected', driver.connectMs),
    timesRow('resumed', driver.resumedMs),
    timesRow('piece after its time', driver.betweenPiecesMs),
    timesRow('page of history', driver.historyReadMs),
  ];
  return { head: timesHead, rows };
}

/** How late the driver was. */
export function driverTable({ driver: { health } }: LoadResult): Table {
  const rows = [timesRow('its event loop', health.loopDelayMs), timesRow('its own schedule', health.latenessMs)];
  return { head: ['ms late', ...timesHead.slice(1)], rows };
}

export function aimsTable({ aims }: LoadResult): Table {
  const rows = aims.map((aim) => [aim.name, aimText(aim), aimFigure(aim), aim.isMet ? 'met' : 'missed']);
  return { head: ['aim', 'limit', 'figure', 'outcome'], rows };
}

/** What clients were told instead of what they wanted. */
export function errorsTable({ driver: { errors, refusedClients } }: LoadResult): Table {
  const refused: Cell[][] = refusedClients === 0 ? [] : [['clients that found no place', refusedClients]];
  return { head: ['reason', 'times'], rows: [...Object.entries(errors), ...refused] };
}

export function processesTable({ processes }: LoadResult): Table {
  const rows = Object.entries(processes).map(([name, { cpuSecondsPer1000, residentMib, peakMib }]) => [
    name,
    cpuSecondsPer1000,
    residentMib,
    peakMib,
  ]);
  return { head: ['process', 'CPU s per 1,000 answered', 'resident MiB', 'peak MiB'], rows };
}
