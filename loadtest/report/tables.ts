import type { Distribution, KindFigures } from '../driver/figures.ts';
import { kinds } from '../driver/load.ts';
import { aimFigure, aimText } from '../markdown.ts';
import type { LoadResult } from '../result.ts';
import { count, figure, figureOf, missing, size } from './wording.ts';

/** What is told as a table, wherever it is told. The first column is words, the others are figures. */
export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** How many messages of each kind, and what became of them. */
export function messagesTable({ driver }: LoadResult): Table {
  const rows = kinds.flatMap((kind) => {
    const figures = driver.kinds[kind];
    if (figures === undefined) return [];
    const { said, accepted, answered, lost, meanBytes } = figures;
    return [[kind, ...[said, accepted, answered, lost].map(count), size(said === 0 ? undefined : meanBytes)]];
  });
  return { head: ['messages', 'said', 'accepted', 'answered', 'lost', 'mean size'], rows };
}

const timesHead = ['ms', 'mean', 'p50', 'p90', 'p99', 'max', 'count'];

function timesRow(name: string, distribution: Distribution | undefined): readonly string[] {
  const figures = (['mean', 'p50', 'p90', 'p99', 'max'] as const).map((of) => figureOf(distribution, of));
  return [name, ...figures, distribution?.count ? count(distribution.count) : missing];
}

function rowsOfKind(kind: string, figures: KindFigures): readonly (readonly string[])[] {
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
  const rows = Object.entries(errors).map(([reason, times]) => [reason, count(times)]);
  const refused = refusedClients === 0 ? [] : [['clients that found no place', count(refusedClients)]];
  return { head: ['reason', 'times'], rows: [...rows, ...refused] };
}

export function processesTable({ processes }: LoadResult): Table {
  const rows = Object.entries(processes).map(([name, { cpuSecondsPer1000, residentMib, peakMib }]) => [
    name,
    ...[cpuSecondsPer1000, residentMib, peakMib].map(figure),
  ]);
  return { head: ['process', 'CPU s per 1,000 answered', 'resident MiB', 'peak MiB'], rows };
}
