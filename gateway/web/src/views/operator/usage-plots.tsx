import { useId } from 'preact/hooks';
import type { Usage, UsageSample } from '../../client/app.ts';
import { ageLabel } from '../common/times.ts';

interface Series {
  readonly name: string;
  readonly of: (sample: UsageSample) => number;
  /** Undefined: it has none. */
  readonly limitOf?: (usage: Usage) => number;
  readonly labelOf?: (value: number) => string;
}

const series: readonly Series[] = [
  { name: 'Clients connected', of: ({ usage }) => usage.clients, limitOf: ({ maxClients }) => maxClients },
  {
    name: 'Messages in processing',
    of: ({ usage }) => usage.processing,
    limitOf: ({ maxProcessing }) => maxProcessing,
  },
  { name: 'Clients waiting in line', of: ({ usage }) => usage.waiting },
  { name: 'Messages queued', of: ({ usage }) => usage.queued },
  { name: 'Oldest in the queue', of: ({ usage }) => usage.oldestQueuedMs, labelOf: ageLabel },
  { name: 'Messages accepted in a minute', of: ({ lastMinute }) => lastMinute.accepted },
  { name: 'Replies in a minute', of: ({ lastMinute }) => lastMinute.ended },
  { name: 'Refused in a minute', of: ({ lastMinute }) => sum(lastMinute.refusals.values()) },
];

/** Reasons of refusals that have a plot of their own. */
const maxReasons = 3;

/** The most frequent reasons of what was watched. */
function seriesOfReasons(samples: readonly UsageSample[]): readonly Series[] {
  const refused = new Map<string, number>();
  for (const { lastMinute } of samples)
    for (const [reason, count] of lastMinute.refusals) refused.set(reason, (refused.get(reason) ?? 0) + count);
  const reasons = [...refused].sort(([, a], [, b]) => b - a).slice(0, maxReasons);
  return reasons.map(([reason]) => ({ name: reason, of: ({ lastMinute }) => lastMinute.refusals.get(reason) ?? 0 }));
}

function sum(values: Iterable<number>): number {
  return [...values].reduce((all, value) => all + value, 0);
}

/** How the use of the limits went since this page was opened. */
export function UsagePlots({ samples }: { readonly samples: readonly UsageSample[] }) {
  const titleId = useId();
  return (
    <section aria-labelledby={titleId}>
      <h2 id={titleId}>Over time</h2>
      <div class="plots">
        {[...series, ...seriesOfReasons(samples)].map((one) => (
          <Plot key={one.name} series={one} samples={samples} />
        ))}
      </div>
    </section>
  );
}

/** Of the drawing; it is stretched to the room that there is. */
const width = 300;
const height = 80;
/** What was watched for less has room to grow into. */
const minSpanMs = 60_000;

function Plot({ series: { name, of, limitOf, labelOf = String }, samples }: PlotProps) {
  const last = samples.at(-1);
  if (last === undefined) return null;
  const values = samples.map(of);
  const highest = Math.max(...values);
  const limit = limitOf?.(last.usage);
  const top = topOf(highest, limit);
  const spanMs = Math.max(minSpanMs, last.atMs - (samples[0]?.atMs ?? 0));
  const x = (atMs: number) => (width * (1 - (last.atMs - atMs) / spanMs)).toFixed(1);
  const y = (value: number) => (height * (1 - value / top)).toFixed(1);
  const line = samples.map((sample) => `${x(sample.atMs)} ${y(of(sample))}`).join('L');
  const words = [`now ${labelOf(of(last))}`, `at most ${labelOf(highest)}`];
  if (limit !== undefined) words.push(`limit ${limit}`);
  return (
    <figure class="plot">
      <figcaption>
        <span>{name}</span>
        <span>{words.join(', ')}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${name} over time: ${words.join(', ')}`}
      >
        <path class="plot-area" d={`M${x(samples[0]?.atMs ?? 0)} ${height}L${line}V${height}Z`} />
        <path class="plot-line" d={`M${line}`} />
        {top === limit && <path class="plot-limit" d={`M0 0H${width}`} />}
      </svg>
      <p class="plot-scale">
        <span>{ageLabel(spanMs)} ago</span>
        <span>{`0 to ${labelOf(top)}${top === limit ? ', the limit' : ''}`}</span>
        <span>now</span>
      </p>
    </figure>
  );
}

interface PlotProps {
  readonly series: Series;
  readonly samples: readonly UsageSample[];
}

/** A round number above what there was; never above the limit, which is drawn where it is near. */
function topOf(highest: number, limit = Infinity): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(4, highest)));
  const round = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= highest * 1.2);
  return Math.max(highest, Math.min(limit, Math.max(5, round ?? highest * 2)));
}
