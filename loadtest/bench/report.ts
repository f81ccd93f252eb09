import type { DistributedFigures, EmbeddedFigures } from './figures.ts';
import { distributedReport } from './report-distributed.ts';
import { embeddedReport } from './report-embedded.ts';

/** docs/benchmarks.md, from the last run of each profile. */
export function report(embedded: EmbeddedFigures | undefined, distributed: DistributedFigures | undefined): string {
  const parts = [
    ...(embedded === undefined ? [] : [`## The embedded profile\n\n${embeddedReport(embedded)}`]),
    ...(distributed === undefined ? [] : [`## The distributed profile\n\n${distributedReport(distributed)}`]),
  ];
  return `# Benchmarks

Written by \`npm run bench\` and \`npm run bench -- --profile distributed\`; the figures of the last run of each are in \`loadtest/baselines/\`.

${parts.join('\n\n')}
`;
}
