import { kinds } from '../driver/load.ts';
import { aimsSection, number, originLine, table, tableOf } from '../markdown.ts';
import type { LoadResult } from '../result.ts';
import { publishedPlots } from './plots.ts';
import { totalsOf } from './totals.ts';
import { count, figure, figureOf, nameOf, nameParts, size } from './wording.ts';

const profiles = ['embedded', 'distributed'] as const;

/** Scenarios in the order in which they were given, the embedded profile first. */
function inOrder(results: readonly LoadResult[]): readonly LoadResult[] {
  const scenarios = [...new Set(results.map(({ scenario }) => scenario))];
  return scenarios.flatMap((scenario) =>
    profiles.flatMap((profile) =>
      results.filter((result) => result.scenario === scenario && result.profile === profile),
    ),
  );
}

/** What came of all runs, a line each. */
function outcomes(results: readonly LoadResult[]): string {
  const rows = results.map((result) => ({ ...totalsOf(result), ...result.verdict, name: nameOf(result) }));
  return tableOf(rows, {
    '': ({ name }) => name,
    said: ({ said }) => count(said),
    answered: ({ answered }) => count(answered),
    refused: ({ refused }) => count(refused),
    lost: ({ lost }) => count(lost),
    'answered a second': ({ answeredPerSecond }) => figure(answeredPerSecond),
    errors: (row) => count(row.errors),
    violations: (row) => count(row.violations),
    'breaches in the log': ({ audit }) => count(audit.breaches.length),
    unfinished: ({ unfinished }) => count(unfinished),
  });
}

function times(results: readonly LoadResult[]): string {
  const rows = results.flatMap((result) =>
    kinds.flatMap((kind) => {
      const figures = result.driver.kinds[kind];
      if (figures === undefined) return [];
      const { acceptedMs, firstPieceMs, replyMs, aboveSimulatedMs } = figures;
      const pairs = [acceptedMs, firstPieceMs, replyMs, aboveSimulatedMs];
      return [[`${nameOf(result)}, ${kind}`, ...pairs.flatMap((of) => [figureOf(of, 'p50'), figureOf(of, 'p99')])]];
    }),
  );
  const stages = ['accepted', 'first piece', 'complete reply', 'above simulated'];
  return table(['ms', ...stages.flatMap((stage) => [`${stage} p50`, 'p99'])], rows);
}

/** What a run was, why its driver is to be doubted if it is, and its plots. */
function portrait(result: LoadResult): string {
  const { description, origin, notes, events, driver } = result;
  const { bottleneck } = driver.health;
  const [first, ...others] = publishedPlots(result).map(({ file, title }) => `![${title}](images/load/${file})`);
  const lines = [
    description,
    originLine(origin),
    ...(events.length === 0
      ? []
      : [`Done to the servers: ${events.map(({ second, what }) => `${what} (${number(second)} s)`).join(', ')}.`]),
    ...notes,
    ...(bottleneck === '' ? [] : [`**The driver set the pace, so these figures are to be doubted: ${bottleneck}**`]),
  ];
  return [
    `#### ${nameOf(result)}`,
    lines.join('\n'),
    ...(first === undefined ? [] : [first]),
    ...(others.length === 0 ? [] : ['<details><summary>More plots</summary>', ...others, '</details>']),
  ].join('\n\n');
}

/** A run as the template of docs/benchmarks.md may name parts of it. */
function named(result: LoadResult): object {
  const totals = totalsOf(result);
  const meanSizes = Object.entries(result.driver.kinds).map(([kind, { meanBytes }]) => [kind, size(meanBytes)]);
  return {
    ...result,
    totals: { ...totals, failed: totals.said - totals.answered },
    meanSizes: Object.fromEntries(meanSizes),
  };
}

/**
 * What the template of docs/benchmarks.md says of the load test: of all runs together, and each by its name. Missed aims are shown as missed. The plots lie
 * in docs/images/load (`plots` draws them).
 */
export function loadValues(results: readonly LoadResult[]) {
  const ordered = inOrder(results);
  const aims = ordered.flatMap((result) =>
    result.aims.map((aim) => ({ ...aim, name: `${nameOf(result)}: ${aim.name}` })),
  );
  return {
    all: {
      aims: aimsSection(aims),
      outcomes: outcomes(ordered),
      times: times(ordered),
      runs: ordered.map(portrait).join('\n\n'),
    },
    each: Object.fromEntries(ordered.map((result) => [nameParts(result).join('-'), named(result)])),
  };
}
