import type { Distribution, DriverTick, KindFigures } from '../driver/figures.ts';
import { kinds } from '../driver/load.ts';
import type { LoadResult, SystemTick } from '../result.ts';
import { draw, drawTogether, type Palette, type Panel, paper } from './draw.ts';
import { distributionPanel, type Line, lineOf, overTime } from './panels.ts';
import { nameOf, nameParts } from './wording.ts';

interface Plot {
  readonly title: string;
  /** undefined when nothing of it was measured. */
  readonly panel: (result: LoadResult, palette: Palette) => Panel | undefined;
}

const plotsByName = {
  throughput: { title: 'Throughput, messages a second', panel: throughput },
  percentiles: { title: 'Complete reply, ms', panel: percentiles },
  aboveSimulated: {
    title: 'Above what was simulated, by percentile, ms',
    panel: (result, palette) => byKind(result, palette, ({ aboveSimulatedMs }) => aboveSimulatedMs),
  },
  reply: {
    title: 'Complete reply, by percentile, ms',
    panel: (result, palette) => byKind(result, palette, ({ replyMs }) => replyMs),
  },
  sessions: { title: 'Sessions', panel: sessions },
  processing: { title: 'Messages in processing', panel: processing },
  loopDelay: { title: 'Event-loop delay, p99, ms', panel: loopDelay },
  memory: { title: 'Resident memory, MiB', panel: processes(({ residentMib }) => residentMib) },
  handles: { title: 'Open file descriptors', panel: processes(({ handles }) => handles) },
  lag: { title: 'Records that read models are behind', panel: lag },
} as const satisfies Readonly<Record<string, Plot>>;

type PlotName = keyof typeof plotsByName;

function throughput({ driver: { ticks }, events }: LoadResult, palette: Palette): Panel | undefined {
  const lines = [
    lineOf('said', ticks, ({ said }) => said, { isRate: true }),
    lineOf('answered', ticks, ({ answered }) => answered, { isRate: true }),
  ];
  const errors = lineOf('errors', ticks, (tick) => tick.errors, { isRate: true, isAlarm: true });
  const hadErrors = ticks.some((tick) => tick.errors > 0);
  return overTime(hadErrors ? [...lines, errors] : lines, events, palette);
}

function percentiles({ driver: { ticks }, events }: LoadResult, palette: Palette): Panel | undefined {
  // A second without a reply has no percentile, whatever number stands there.
  const whenAnswered = (of: (tick: DriverTick) => number) => (tick: DriverTick) =>
    tick.answered > 0 ? of(tick) : undefined;
  const lines = [
    lineOf(
      'p50',
      ticks,
      whenAnswered(({ replyP50Ms }) => replyP50Ms),
    ),
    lineOf(
      'p99',
      ticks,
      whenAnswered(({ replyP99Ms }) => replyP99Ms),
    ),
  ];
  return overTime(lines, events, palette);
}

/** A kind has its colour whichever others are there. */
function byKind(
  { driver }: LoadResult,
  { series }: Palette,
  of: (figures: KindFigures) => Distribution | undefined,
): Panel | undefined {
  const curves = kinds.flatMap((name, index) => {
    const figures = driver.kinds[name];
    const distribution = figures && of(figures);
    return distribution === undefined ? [] : [{ name, distribution, colour: series[index] ?? '' }];
  });
  return distributionPanel(curves);
}

function sessions({ system, events, limits }: LoadResult, palette: Palette): Panel | undefined {
  return overTime([lineOf('sessions', system, (tick) => tick.sessions)], events, palette, limits.maxClients);
}

function processing({ system, events, limits }: LoadResult, palette: Palette): Panel | undefined {
  const lines = [
    lineOf('in processing', system, (tick) => tick.processing),
    lineOf('queued', system, ({ queued }) => queued),
  ];
  return overTime(lines, events, palette, limits.maxProcessing);
}

function loopDelay({ system, driver, events }: LoadResult, palette: Palette): Panel | undefined {
  const lines = [
    lineOf('worst server', system, ({ loopDelayP99Ms }) => loopDelayP99Ms),
    lineOf('driver', driver.ticks, ({ loopDelayP99Ms }) => loopDelayP99Ms),
  ];
  return overTime(lines, events, palette);
}

function processes(of: (tick: SystemTick) => Readonly<Record<string, number>>): Plot['panel'] {
  return ({ system, events }, palette) => {
    const names = [...new Set(system.flatMap((tick) => Object.keys(of(tick))))];
    const lines: readonly Line[] = names.map((name) => lineOf(name, system, (tick) => of(tick)[name]));
    return overTime(lines, events, palette);
  };
}

function lag({ system, events }: LoadResult, palette: Palette): Panel | undefined {
  return overTime([lineOf('behind', system, ({ lagRecords }) => lagRecords)], events, palette);
}

/** Every plot of a run, in SVG, in the order in which they are to be read; undefined for what was not measured. */
export async function everyPlot(
  result: LoadResult,
  palette: Palette,
): Promise<readonly { readonly title: string; readonly svg: string | undefined }[]> {
  const drawn = [];
  for (const { title, panel } of Object.values<Plot>(plotsByName)) {
    const made = panel(result, palette);
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
      const { title, panel } = plotsByName[part];
      const made = panel(result, paper);
      return made === undefined ? [] : [{ title, panel: made }];
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
