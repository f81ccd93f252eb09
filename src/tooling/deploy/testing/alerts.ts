import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import type { Selector } from './promql.ts';
import { selectorsOf } from './promql.ts';
import { runTool } from './tools.ts';

const rules = fileURLToPath(new URL('../../../../deploy/prometheus/rules.yaml', import.meta.url));
const intervalS = 10;
/** All is well for so long, then the fault goes on for longer than any rule looks back or waits. */
const wellSteps = 60;
const faultSteps = 180;
/** Of how fast this machine is while it runs tests. */
const ofSpeed = 'ParleyEventLoopHeldUp|ParleyAcceptSlow';

/** What is scraped: each series as it is written, with its value. */
export type Samples = Readonly<Record<string, number>>;

/** What a process exposed before a fault and after it, and for how long the fault went on between. */
export interface Fault {
  /** What scraping adds: `job="parley",instance="a",role="gateway"`. */
  readonly labels: string;
  readonly before: Samples;
  readonly after: Samples;
  readonly seconds: number;
}

/**
 * The alerts that Prometheus raises of processes that are as they were before the fault for ten minutes, and then are as the fault left them for half an
 * hour, in which what is counted rises on as fast as it did. promtool evaluates the rules of deploy/; its clock begins at 1970, so times are taken as
 * if now were then.
 */
export async function alertsOf(tools: string, faults: readonly Fault[]): Promise<readonly string[]> {
  const wanted = await selectors();
  const series = faults.flatMap((fault) => seriesOf(fault, wanted));
  const folder = await mkdtemp(join(tmpdir(), 'parley-alerts-'));
  try {
    const expr = `count by (alertname) (ALERTS{alertstate="firing", alertname!~"${ofSpeed}"})`;
    const evalTime = `${(wellSteps + faultSteps - 1) * intervalS}s`;
    const interval = `${intervalS}s`;
    const test = {
      rule_files: [rules],
      evaluation_interval: interval,
      // Nothing is expected, so promtool tells all that there is.
      tests: [{ interval, input_series: series, promql_expr_test: [{ expr, eval_time: evalTime, exp_samples: [] }] }],
    };
    await writeFile(join(folder, 'test.yaml'), stringify(test));
    const told = await runTool(join(tools, 'promtool'), ['test', 'rules', 'test.yaml'], folder).catch(
      ({ message }: Error) => message,
    );
    const [, got] = /^\s*got:\s*(.*)$/m.exec(told) ?? [];
    if (got === undefined && !told.includes('SUCCESS')) throw new Error(told);
    return [...(got ?? '').matchAll(/alertname="(\w+)"/g)].map(([, name = '']) => name).toSorted();
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function selectors(): Promise<ReadonlySet<string>> {
  const { groups } = parse(await readFile(rules, 'utf8')) as { groups: { rules: { expr: string }[] }[] };
  const all = groups.flatMap((group) => group.rules.flatMap(({ expr }) => selectorsOf(expr)));
  return new Set(all.map(({ metric }: Selector) => metric));
}

function seriesOf({ labels, before, after, seconds }: Fault, wanted: ReadonlySet<string>) {
  const found = Object.entries(after).filter(([name]) => wanted.has(name.replace(/\{.*/, '')));
  return found.map(([name, last]) => {
    const [, metric = '', own = ''] = /^([^{]+)(?:\{(.*)\})?$/.exec(name) ?? [];
    const series = `${metric}{${[own, labels].filter((part) => part !== '').join()}}`;
    const first = before[name];
    const well = first === undefined ? `_x${wellSteps}` : `${sampleAt(metric, first)}x${wellSteps - 1}`;
    const rise = isCounter(metric) ? ((last - (first ?? last)) / seconds) * intervalS : 0;
    return { series, values: `${well} ${sampleAt(metric, last)}+${rise}x${faultSteps}` };
  });
}

/** Times that are to come are left as far away as they are. */
function sampleAt(metric: string, value: number): number {
  return /_(expiry|time)_seconds$/.test(metric)
    ? value - Date.now() / 1_000 + (wellSteps + faultSteps) * intervalS
    : value;
}

function isCounter(metric: string): boolean {
  return (
    /_(total|count|sum|bucket)$|^envoy_.*_(fail|healthy|timeout|reset|total|limited)$/.test(metric) &&
    !/membership/.test(metric)
  );
}
