import { kinds } from '../driver/load.ts';
import { number, originLine, table } from '../markdown.ts';
import type { LoadResult } from '../result.ts';
import { publishedPlots } from './plots.ts';
import { beside } from './published-load.ts';
import { totalsOf } from './totals.ts';
import { aimFigure, aimsInWords, aimText, count, figure, figureOf, nameOf } from './wording.ts';

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

function aims(results: readonly LoadResult[]): string {
  const rows = results.flatMap((result) =>
    result.aims.map((aim) => [
      `${nameOf(result)}: ${aim.name}`,
      aimText(aim),
      aimFigure(aim),
      aim.isMet ? 'met' : '**missed**',
    ]),
  );
  return `${aimsInWords(results.flatMap((result) => result.aims))}

${table(['', 'aim', 'figure', ''], rows)}`;
}

/** What came of all runs, a line each. */
function outcomes(results: readonly LoadResult[]): string {
  const rows = results.map((result) => {
    const { said, answered, refused, lost, errors, violations, answeredPerSecond } = totalsOf(result);
    const { audit, unfinished } = result.verdict;
    return [
      nameOf(result),
      ...[said, answered, refused, lost].map(count),
      figure(answeredPerSecond),
      ...[errors, violations, audit.breaches.length, unfinished].map(count),
    ];
  });
  const head = [
    '',
    'said',
    'answered',
    'refused',
    'lost',
    'answered a second',
    'errors',
    'violations',
    'breaches in the log',
    'unfinished',
  ];
  return table(head, rows);
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

/** The load test's section of docs/benchmarks.md. Missed aims are shown as missed. The plots lie in docs/images/load (`plots` draws them). */
export function loadDocument(results: readonly LoadResult[]): string {
  const ordered = inOrder(results);
  return `## Under load

Clients of \`loadtest/driver\` talk to servers as users run them, on the same cores. While replies come in, each is checked: that it answers what this client
said, that no byte is missing or comes twice, that the pieces are the whole, that history says the same. When the load is over, \`parley audit\` folds the log.

### Beside a published load test

${beside(ordered)}

### Aims

${aims(ordered)}

### What came of it

${outcomes(ordered)}

### Times

From the first byte written, an upload included. "Above simulated" is the complete reply less the wait that the simulated bot made on purpose.

${times(ordered)}

### Runs

${ordered.map(portrait).join('\n\n')}`;
}
