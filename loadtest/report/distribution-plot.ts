import type { Distribution } from '../driver/figures.ts';
import type { Panel } from './draw.ts';
import { lineLayer } from './line-layer.ts';

export interface Curve {
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
function pointsOf({ name, distribution: { curve, count } }: Curve) {
  const end = Math.log10(Math.max(count, 1));
  return curve.map(([percentile, ms]) => ({ name, ms, at: Math.min(place(percentile), end) }));
}

/** Percentile curves, as HDR histograms are drawn. undefined when nothing was measured. */
export function distributionPanel(curves: readonly Curve[]): Panel | undefined {
  const measured = curves.filter(({ distribution }) => distribution.count > 0);
  if (measured.length === 0) return undefined;
  const labelExpr = "format(100 - pow(10, 2 - datum.value), '.6~g') + ' %'";
  const lines = lineLayer({
    points: measured.flatMap(pointsOf),
    height: 'ms',
    line: 'name',
    axis: { values: named, labelExpr },
    heights: measured.flatMap(({ distribution: { p50, max } }) => [p50, max]),
    named: measured,
  });
  return { layer: [lines] };
}
