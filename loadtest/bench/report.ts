import { loadDocument } from '../report/document.ts';
import type { LoadResult } from '../result.ts';
import type { DistributedFigures, EmbeddedFigures } from './figures.ts';
import { distributedReport } from './report-distributed.ts';
import { embeddedReport } from './report-embedded.ts';

/** docs/benchmarks.md, from the last run of each profile and each load. */
export function report(
  embedded: EmbeddedFigures | undefined,
  distributed: DistributedFigures | undefined,
  loads: readonly LoadResult[],
): string {
  const parts = [
    ...(embedded === undefined ? [] : [`## The embedded profile\n\n${embeddedReport(embedded)}`]),
    ...(distributed === undefined ? [] : [`## The distributed profile\n\n${distributedReport(distributed)}`]),
    ...(loads.length === 0 ? [] : [loadDocument(loads)]),
  ];
  return `# Benchmarks

Written by \`npm run bench\`, \`npm run bench -- --profile distributed\` and \`npm run load -- SCENARIO --baseline\`; the figures of the last run of each are
in \`loadtest/baselines/\`.

${parts.join('\n\n')}
`;
}
