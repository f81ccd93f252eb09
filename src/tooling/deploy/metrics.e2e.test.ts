import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { freePort } from '../../testing/engines/free-port.ts';
import { type ParleyServer, startServer } from '../../testing/server.ts';
import { eventually, TestSessions } from '../../testing/test-sessions.ts';
import { type Exposed, exposedIn } from './testing/exposition.ts';
import { type Selector, selectorsOf } from './testing/promql.ts';

/** A query of deploy/, where it stands, and the labels that its words show. */
interface Use {
  readonly where: string;
  readonly query: string;
  readonly shown: readonly string[];
}

/** Labels that scraping adds, and the series that it makes. */
const scraped = { metric: 'up', labels: ['job', 'instance', 'role'] };

const deploy = (path: string) => readFileSync(new URL(`../../../deploy/${path}`, import.meta.url), 'utf8');

/** What any `{{ $labels.x }}` or `{{x}}` stands for. */
function labelsIn(words: string): readonly string[] {
  return [...words.matchAll(/\{\{\s*(?:\$labels\.)?([a-z_]+)\s*\}\}/g)].map(([, label = '']) => label);
}

function dashboardUses(): readonly Use[] {
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

function alertUses(): readonly Use[] {
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

function scalerUses(): readonly Use[] {
  const { spec } = parse(deploy('kubernetes/keda/scaled-object.yaml'));
  return spec.triggers.map(({ metadata }: { metadata: { query: string } }) => ({
    where: 'KEDA',
    query: metadata.query,
    shown: [],
  }));
}

/** What of the query is not in the metrics, one sentence each. */
function gapsOf({ where, query, shown }: Use, exposed: ReadonlyMap<string, Exposed>): readonly string[] {
  const selectors = selectorsOf(query);
  const known = new Set([...scraped.labels, ...selectors.flatMap(({ labels }) => labels)]);
  return [
    ...selectors.flatMap((selector) => selectorGaps(selector, exposed)),
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

/** A model that nobody serves: an attempt that fails and a message that is given up; and one message that is refused. */
async function traffic(server: ParleyServer): Promise<void> {
  await using testSessions = new TestSessions(server, 'bidi');
  const { session } = await testSessions.connect();
  await session.text('Is anybody there?');
  await expect(session.text('')).rejects.toThrow();
  await session.find('rejected', ({ reason }) => reason === 'PROVIDER_FAILED');
  await session.goodbye();
}

describe('the metrics of a running server', () => {
  let exposed: ReadonlyMap<string, Exposed>;

  beforeAll(async () => {
    await using server = await startServer({
      env: {
        PARLEY_PROVIDER: 'openai',
        PARLEY_OPENAI_BASE_URL: `http://127.0.0.1:${await freePort()}/v1`,
        PARLEY_OPENAI_MODEL: 'none',
        PARLEY_MAX_ATTEMPTS: '1',
      },
    });
    await traffic(server);
    const metrics = async () => exposedIn(await (await fetch(`http://${server.httpAddress}/metrics`)).text());
    exposed = await eventually(metrics, (now) => now.get('parley_sessions_ended_total')?.labels.has('reason') === true);
  });

  test.each([
    ['the dashboard', dashboardUses],
    ['the alerts', alertUses],
    ['the scaler', scalerUses],
  ])('have every name and label that %s asks for', (_, uses) => {
    expect(uses().length).toBeGreaterThan(0);
    expect(uses().flatMap((use) => gapsOf(use, exposed))).toEqual([]);
  });

  test('have no metric of Parley that the dashboard leaves out', () => {
    const asked = new Set(dashboardUses().flatMap(({ query }) => selectorsOf(query).map(({ metric }) => metric)));
    const base = (name: string) => name.replace(/_(bucket|sum|count)$/, '');
    const shown = new Set([...asked].map(base));
    const left = [...exposed.keys()].filter((name) => name.startsWith('parley_') && !shown.has(base(name)));
    expect(left).toEqual([]);
  });

  test('a query with a name, label or value that is not there is found', () => {
    const gaps = (query: string, shown: readonly string[] = []) => gapsOf({ where: 'x', query, shown }, exposed);
    expect(gaps('sum(parley_no_such_total)')).toEqual(['x: there is no parley_no_such_total']);
    expect(gaps('sum by (why) (parley_refusals_total)')).toEqual(['x: parley_refusals_total has no why']);
    expect(gaps('parley_cap_limit{cap="chairs"}')).toEqual(['x: parley_cap_limit has no cap="chairs"']);
    expect(gaps('up{job="parley"}', ['reason'])).toEqual(['x: shows {{reason}}, which the query does not keep']);
  });
});
