import type { Distribution } from '../driver/figures.ts';
import type { LoadResult } from '../result.ts';
import type { Palette, Panel } from './draw.ts';

/** From here on a linear scale hides the smaller values. */
const logarithmicFrom = 20;

/** Scale and axis for values of a height: when they span decades, every decade is seen. */
export function heightsOf(values: readonly number[]) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  if (least <= 0 || most / least < logarithmicFrom)
    return { scale: { zero: true, nice: true }, axis: { tickCount: 5 } };
  const first = Math.floor(Math.log10(least));
  const decades = Array.from({ length: Math.ceil(Math.log10(most)) - first + 1 }, (_, index) => 10 ** (first + index));
  return { scale: { type: 'log', nice: true }, axis: { values: decades } } as const;
}

/** A point of a line: where it stands, and how high; null: the line is broken there. */
interface Point {
  readonly at: number;
  readonly line: string;
  readonly value: number | null;
}

/** Lines in their order, with this axis below them and one for these heights; other layers may lie on them. */
function lineLayer(
  points: readonly Point[],
  axis: Readonly<Record<string, unknown>>,
  heights: readonly number[],
  named: readonly { readonly name: string; readonly colour: string }[],
): Panel['layer'][number] {
  const names = named.map(({ name }) => name);
  const scale = { domain: names, range: named.map(({ colour }) => colour) };
  return {
    data: { values: [...points] },
    mark: 'line',
    encoding: {
      x: { field: 'at', type: 'quantitative', title: null, scale: { nice: false }, axis },
      y: { field: 'value', type: 'quantitative', title: null, ...heightsOf(heights) },
      color: { field: 'line', type: 'nominal', scale, sort: names },
    },
  };
}

/** A line of a plot over the seconds of a run. */
export interface Line {
  readonly name: string;
  /** undefined: not measured in this second, so the line is broken there. */
  readonly values: readonly { readonly second: number; readonly value: number | undefined }[];
  /** How many in a second: of several seconds the mean is drawn. Of anything else it is the worst. */
  readonly isRate: boolean;
  /** Of what must not happen: not drawn where it did not. */
  readonly isAlarm: boolean;
}

/** `of` may give undefined, or no number, for a second in which nothing was measured. */
export function lineOf<Tick extends { readonly second: number }>(
  name: string,
  ticks: readonly Tick[],
  of: (tick: Tick) => number | undefined,
  { isRate = false, isAlarm = false } = {},
): Line {
  const values = ticks.map((tick) => {
    const value = of(tick);
    return { second: tick.second, value: Number.isFinite(value) ? value : undefined };
  });
  return { name, values, isRate, isAlarm };
}

/** More points than this cannot be told apart in the width of a plot. */
const maxPoints = 240;

function unitOf(lastSecond: number): { readonly name: string; readonly seconds: number } {
  if (lastSecond <= 300) return { name: 's', seconds: 1 };
  return lastSecond <= 3 * 3600 ? { name: 'min', seconds: 60 } : { name: 'h', seconds: 3600 };
}

function joined(values: readonly number[], isRate: boolean): number | null {
  if (values.length === 0) return null;
  return isRate ? values.reduce((sum, value) => sum + value, 0) / values.length : Math.max(...values);
}

/** Of a long run several seconds make one point. */
function pointsOf({ name, values, isRate }: Line): readonly Point[] {
  const perPoint = Math.max(1, Math.ceil(values.length / maxPoints));
  return Array.from({ length: Math.ceil(values.length / perPoint) }, (_, index) => {
    const group = values.slice(index * perPoint, (index + 1) * perPoint);
    const known = group.flatMap(({ value }) => value ?? []);
    return { at: group[0]?.second ?? 0, line: name, value: joined(known, isRate) };
  });
}

/**
 * Lines over the seconds of a run, with a mark for everything that was done to the servers, numbered as in `events`, and the cap, if there is one.
 * undefined when no line has a value.
 */
export function overTime(
  given: readonly Line[],
  events: LoadResult['events'],
  palette: Palette,
  capAt?: number,
): Panel | undefined {
  const lines = given.filter(({ isAlarm, values: of }) => !isAlarm || of.some(({ value = 0 }) => value > 0));
  const points = lines.flatMap(pointsOf);
  const values = points.flatMap(({ value }) => value ?? []);
  if (values.length === 0) return undefined;
  const unit = unitOf(Math.max(...points.map(({ at }) => at)));
  const colourOf = ({ isAlarm }: Line, index: number) =>
    isAlarm ? palette.alarm : (palette.series[index] ?? palette.ink);
  return {
    layer: [
      lineLayer(
        points.map((point) => ({ ...point, at: point.at / unit.seconds })),
        { grid: false, tickCount: 6, tickMinStep: 1, labelExpr: `datum.label + ' ${unit.name}'` },
        values,
        lines.map((line, index) => ({ name: line.name, colour: colourOf(line, index) })),
      ),
      ...capLayers(capAt, palette),
      ...eventLayers(events, unit.seconds, palette),
    ],
  };
}

function capLayers(limit: number | undefined, { alarm }: Palette): Panel['layer'] {
  if (limit === undefined) return [];
  const data = { values: [{ limit, name: `cap ${limit}` }] };
  const y = { field: 'limit', type: 'quantitative' } as const;
  return [
    { data, mark: { type: 'rule', stroke: alarm, strokeDash: [6, 4], strokeWidth: 1.5 }, encoding: { y } },
    {
      data,
      mark: { type: 'text', color: alarm, align: 'left', baseline: 'bottom', dx: 4, dy: -3 },
      encoding: { y, x: { value: 0 }, text: { field: 'name' } },
    },
  ];
}

function eventLayers(events: LoadResult['events'], unitSeconds: number, { alarm }: Palette): Panel['layer'] {
  if (events.length === 0) return [];
  const data = { values: events.map(({ second }, index) => ({ at: second / unitSeconds, number: `${index + 1}` })) };
  const x = { field: 'at', type: 'quantitative' } as const;
  return [
    { data, mark: { type: 'rule', stroke: alarm, strokeDash: [2, 3], strokeWidth: 1 }, encoding: { x } },
    {
      data,
      mark: { type: 'text', color: alarm, align: 'left', baseline: 'top', dx: 3 },
      encoding: { x, y: { value: 0 }, text: { field: 'number' } },
    },
  ];
}

interface Curve {
  readonly name: string;
  readonly colour: string;
  readonly distribution: Distribution;
}

/** Where percentiles lie on the axis: each further nine takes as much room as the one before. */
function place(percentile: number): number {
  return -Math.log10(1 - percentile / 100);
}

/** Percentiles that are named on the axis. */
const named = [50, 90, 99, 99.9, 99.99, 99.999].map(place);

/** The largest of n values is drawn where n values can tell anything: at the percentile 100 (1 - 1/n), since 100 is nowhere on this axis. */
function curvePoints({ name, distribution: { curve, count } }: Curve) {
  const end = Math.log10(Math.max(count, 1));
  return curve.map(([percentile, value]) => ({ line: name, value, at: Math.min(place(percentile), end) }));
}

/** Percentile curves, as HDR histograms are drawn. undefined when nothing was measured. */
export function distributionPanel(curves: readonly Curve[]): Panel | undefined {
  const measured = curves.filter(({ distribution }) => distribution.count > 0);
  if (measured.length === 0) return undefined;
  const labelExpr = "format(100 - pow(10, 2 - datum.value), '.6~g') + ' %'";
  const heights = measured.flatMap(({ distribution: { p50, max } }) => [p50, max]);
  return { layer: [lineLayer(measured.flatMap(curvePoints), { values: named, labelExpr }, heights, measured)] };
}
