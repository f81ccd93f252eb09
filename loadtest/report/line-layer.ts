import type { Panel } from './draw.ts';

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

/** Where a point stands on the horizontal axis; its other fields are named by what draws it, and read out with it. */
interface Placed {
  readonly at: number;
}

export interface Lines<Point extends Placed> {
  readonly points: readonly Point[];
  /** The fields that say how high a point stands, and in which line. */
  readonly height: keyof Point & string;
  readonly line: keyof Point & string;
  readonly axis: Readonly<Record<string, unknown>>;
  /** What is seen of the vertical axis is chosen by these. */
  readonly heights: readonly number[];
  /** In their order. */
  readonly named: readonly { readonly name: string; readonly colour: string }[];
}

/** The lines of a panel; other layers may lie on it. */
export function lineLayer<Point extends Placed>(lines: Lines<Point>): Panel['layer'][number] {
  const { points, height, line, axis, heights, named } = lines;
  const names = named.map(({ name }) => name);
  return {
    data: { values: [...points] },
    mark: 'line',
    encoding: {
      x: { field: 'at', type: 'quantitative', title: null, scale: { nice: false }, axis },
      y: { field: height, type: 'quantitative', title: null, ...heightsOf(heights) },
      color: {
        field: line,
        type: 'nominal',
        scale: { domain: names, range: named.map(({ colour }) => colour) },
        sort: names,
      },
    },
  };
}
