/** What a trend is taken of: something at a second of a run. */
interface Tick {
  readonly second: number;
}

/** The first part of a run is warm-up: code is compiled, caches and the heap grow to the size that they will have. */
const warmUpShare = 0.25;
const secondsPerHour = 3_600;

/** By how much an hour the value grows after the warm-up: the slope of the line that fits best (least squares). undefined: too few values. */
export function slopePerHour<T extends Tick>(ticks: readonly T[], of: (tick: T) => number): number | undefined {
  const settled = part(ticks, warmUpShare, 1);
  const meanSecond = mean(settled.map(({ second }) => second));
  const meanValue = mean(settled.map(of));
  let [covariance, variance] = [0, 0];
  for (const tick of settled) {
    covariance += (tick.second - meanSecond) * (of(tick) - meanValue);
    variance += (tick.second - meanSecond) ** 2;
  }
  return variance === 0 ? undefined : (covariance / variance) * secondsPerHour;
}

export interface Growth {
  /** The mean of the last quarter less that of the quarter after the warm-up. */
  readonly difference: number;
  /** The value of the last second. */
  readonly last: number;
}

/** What became of a value that should stay as it is. undefined: too few values. */
export function growth<T extends Tick>(ticks: readonly T[], of: (tick: T) => number): Growth | undefined {
  const early = part(ticks, warmUpShare, 2 * warmUpShare).map(of);
  const late = part(ticks, 1 - warmUpShare, 1).map(of);
  const last = late.at(-1);
  return early.length === 0 || last === undefined ? undefined : { difference: mean(late) - mean(early), last };
}

/** The ticks from one share of the run to another. */
function part<T>(ticks: readonly T[], from: number, to: number): readonly T[] {
  return ticks.slice(Math.floor(ticks.length * from), Math.floor(ticks.length * to));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
