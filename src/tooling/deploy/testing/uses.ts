import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { Exposed } from './exposition.ts';
import { documentsOf, type Manifest } from './kubernetes.ts';
import { type Selector, selectorsOf } from './promql.ts';

/** A query of deploy/, where it stands, and the labels that its words show. */
export interface Use {
  readonly where: string;
  readonly query: string;
  readonly shown: readonly string[];
}

/** Labels that scraping adds, and the series that it makes. */
const scraped = { metric: 'up', labels: ['job', 'instance', 'role'] };

const deploy = (path: string) => readFileSync(new URL(`../../../../deploy/${path}`, import.meta.url), 'utf8');

/** What any `{{ $labels.x }}` or `{{x}}` stands for. */
function labelsIn(words: string): readonly string[] {
  return [...words.matchAll(/\{\{\s*(?:\$labels\.)?([a-z_]+)\s*\}\}/g)].map(([, label = '']) => label);
}

export function dashboardUses(): readonly Use[] {
  const { panels } = JSON.parse(deploy('grafana/dashboards/parley.json'));
  return panels.flatMap(
    ({ title, targets = [] }: { title: string; targets?: { expr: string; legendFormat: string }[] }) =>
      targets.map(({ expr, legendFormat }) => ({
        where: `dashboard: ${title}`,
        query: expr,
        shown: labelsIn(legendFormat),
      })),
  );
}

export function alertUses(): readonly Use[] {
  const { groups } = parse(deploy('prometheus/rules.yaml'));
  type Rule = { alert: string; expr: string; annotations: { summary: string } };
  return groups.flatMap(({ rules }: { rules: Rule[] }) =>
    rules.map(({ alert, expr, annotations }) => ({
      where: `alert: ${alert}`,
      query: expr,
      shown: labelsIn(annotations.summary),
    })),
  );
}

export function scalerUses(): readonly Use[] {
  return documentsOf('keda/scaled-object.yaml').flatMap(({ spec }) =>
    spec.triggers.map(({ metadata }: Manifest) => ({ where: 'KEDA', query: metadata.query, shown: [] })),
  );
}

/** What of the query is not in the metrics, one sentence each. `of`: the others' metrics are not looked for. */
export function gapsOf(
  { where, query, shown }: Use,
  exposed: ReadonlyMap<string, Exposed>,
  of: 'Parley' | 'Envoy' = 'Parley',
): readonly string[] {
  const selectors = selectorsOf(query);
  const known = new Set([...scraped.labels, ...selectors.flatMap(({ labels }) => labels)]);
  return [
    ...selectors
      .filter(({ metric }) => metric.startsWith('envoy_') === (of === 'Envoy'))
      .flatMap((selector) => selectorGaps(selector, exposed)),
    ...shown.filter((label) => !known.has(label)).map((label) => `shows {{${label}}}, which the query does not keep`),
  ].map((gap) => `${where}: ${gap}`);
}

function selectorGaps({ metric, labels, equal }: Selector, exposed: ReadonlyMap<string, Exposed>): readonly string[] {
  const told = metric === scraped.metric ? { labels: new Map() } : exposed.get(metric);
  if (told === undefined) return [`there is no ${metric}`];
  const own = (label: string) => !scraped.labels.includes(label);
  return [
    ...labels.filter((label) => own(label) && !told.labels.has(label)).map((label) => `${metric} has no ${label}`),
    ...Object.entries(equal)
      .filter(([label, value]) => own(label) && told.labels.get(label)?.has(value) === false)
      .map(([label, value]) => `${metric} has no ${label}="${value}"`),
  ];
}
