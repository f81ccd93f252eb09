import type { Distribution, KindFigures } from '../driver/figures.ts';
import { kinds } from '../driver/load.ts';
import type { LoadResult, SystemTick } from '../result.ts';
import { draw, drawTogether, type Palette, type Panel, paper } from './draw.ts';
import { distributionPanel, type Line, lineOf, overTime } from './panels.ts';
import { nameOf, nameParts } from './wording.ts';

/** Lines over the seconds of a run, or percentile curves of each kind. */
type Plot = { readonly title: string } & (
  | { readonly lines: (result: LoadResult) => readonly Line[]; readonly cap?: keyof LoadResult['limits'] }
  | { readonly curve: (figures: KindFigures) => Distribution | undefined }
);

const plotsByName = {
  throughput: {
    title: 'Throughput, messages a second',
    lines: ({ driver: { ticks } }) => [
      lineOf('said', ticks, ({ said }) => said, { isRate: true }),
      lineOf('answered', ticks, ({ answered }) => answered, { isRate: true }),
      lineOf('errors', ticks, ({ errors }) => errors, { isRate: true, isAlarm: true }),
    ],
  },
  percentiles: {
    title: 'Complete reply, ms',
    // A second without a reply has no percentile, whatever number stands there.
    lines: ({ driver: { ticks } }) => [
      lineOf('p50', ticks, ({ answered, replyP50Ms }) => (answered > 0 ? replyP50Ms : undefined)),
      lineOf('p99', ticks, ({ answered, replyP99Ms }) => (answered > 0 ? replyP99Ms : undefined)),
    ],
  },
  aboveSimulated: {
    title: 'Above what was simulated, by percentile, ms',
    curve: ({ aboveSimulatedMs }) => aboveSimulatedMs,
  },
  reply: { title: 'Complete reply, by percentile, ms', curve: ({ replyMs }) => replyMs },
  sessions: {
    title: 'Sessions',
    lines: ({ system }) => [lineOf('sessions', system, ({ sessions }) => sessions)],
    cap: 'maxClients',
  },
  processing: {
    title: 'Messages in processing',
    lines: ({ system }) => [
      lineOf('in processing', system, ({ processing }) => processing),
      lineOf('queued', system, ({ queued }) => queued),
    ],
    cap: 'maxProcessing',
  },
  loopDelay: {
    title: 'Event-loop delay, p99, ms',
    lines: ({ system, driver }) => [
      lineOf('worst server', system, ({ loopDelayP99Ms }) => loopDelayP99Ms),
      lineOf('driver', driver.ticks, ({ loopDelayP99Ms }) => loopDelayP99Ms),
    ],
  },
  memory: { title: 'Resident memory, MiB', lines: linesOfProcesses(({ residentMib }) => residentMib) },
  handles: { title: 'Open file descriptors', lines: linesOfProcesses(({ handles }) => handles) },
  lag: {
    title: 'Records that read models are behind',
    lines: ({ system }) => [lineOf('behind', system, ({ lagRecords }) => lagRecords)],
  },
} as const satisfies Readonly<Record<string, Plot>>;

type PlotName = keyof typeof plotsByName;

function linesOfProcesses(of: (tick: SystemTick) => Readonly<Record<string, number>>) {
  return ({ system }: LoadResult): readonly Line[] => {
    const names = [...new Set(system.flatMap((tick) => Object.keys(of(tick))))];
    return names.map((name) => lineOf(name, system, (tick) => of(tick)[name]));
  };
}

/** undefined when nothing of it was measured. */
function panelOf(plot: Plot, result: LoadResult, palette: Palette): Panel | undefined {
  if ('lines' in plot) {
    const cap = plot.cap === undefined ? undefined : result.limits[plot.cap];
    return overTime(plot.lines(result), result.events, palette, cap);
  }
  // A kind has its colour whichever others are there.
  const curves = kinds.flatMap((name, index) => {
    const figures = result.driver.kinds[name];
    const distribution = figures && plot.curve(figures);
    return distribution === undefined ? [] : [{ name, distribution, colour: palette.series[index] ?? '' }];
  });
  return distributionPanel(curves);
}

/** Every plot of a run, in SVG, in the order in which they are to be read; undefined for what was not measured. */
export async function everyPlot(
  result: LoadResult,
  palette: Palette,
): Promise<readonly { readonly title: string; readonly svg: string | undefined }[]> {
  const drawn = [];
  for (const plot of Object.values<Plot>(plotsByName)) {
    const { title } = plot;
    const made = panelOf(plot, result, palette);
    drawn.push({ title, svg: made && (await draw(made, title, palette)) });
  }
  return drawn;
}

/** Plots that docs show, each of some of the above side by side. */
const published = {
  throughput: ['throughput', 'percentiles'],
  distribution: ['aboveSimulated', 'reply'],
  caps: ['sessions', 'processing'],
} as const satisfies Record<string, readonly PlotName[]>;

export interface PublishedPlot {
  readonly file: string;
  readonly title: string;
  readonly panels: readonly { readonly title: string; readonly panel: Panel }[];
}

/** What docs show of a run; nothing that was not measured. */
export function publishedPlots(result: LoadResult): readonly PublishedPlot[] {
  return Object.entries(published).flatMap(([name, parts]) => {
    const panels = parts.flatMap((part) => {
      const panel = panelOf(plotsByName[part], result, paper);
      return panel === undefined ? [] : [{ title: plotsByName[part].title, panel }];
    });
    const file = `${[...nameParts(result), name].join('-')}.svg`;
    return panels.length === 0 ? [] : [{ file, title: `${nameOf(result)}: ${name}`, panels }];
  });
}

/** The plots that docs show of a run, as SVG texts by the names of their files. */
export async function plots(result: LoadResult): Promise<Record<string, string>> {
  const drawn: Record<string, string> = {};
  for (const { file, title, panels } of publishedPlots(result)) {
    drawn[file] = await drawTogether(panels, title, paper);
  }
  return drawn;
}
