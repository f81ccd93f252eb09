import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { baselines, loadBaselines, written } from './baseline-files.ts';
import type { DistributedFigures, EmbeddedFigures } from './bench/figures.ts';
import { distributedReport } from './bench/report-distributed.ts';
import { embeddedReport } from './bench/report-embedded.ts';
import { loadDocument } from './report/document.ts';
import type { LoadResult } from './result.ts';
import { scenarios } from './scenarios/scenarios.ts';

const page = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url));

/** Writes docs/benchmarks.md from the last whole run of each bench and each load, whichever command made it. */
export async function writeBenchmarks(): Promise<void> {
  const names = existsSync(loadBaselines)
    ? (await readdir(loadBaselines)).filter((name) => name.endsWith('.json'))
    : [];
  const loads = await Promise.all(names.map((name) => written<LoadResult>(join(loadBaselines, name))));
  const text = report(
    await written<EmbeddedFigures>(join(baselines, 'embedded.json')),
    await written<DistributedFigures>(join(baselines, 'distributed.json')),
    loads.filter((load) => load !== undefined).sort((a, b) => placeOf(a) - placeOf(b)),
  );
  await writeFile(page, text);
}

/** As the scenarios are listed, of each the embedded profile first, and gRPC before gRPC-Web. */
function placeOf({ scenario, profile, load }: LoadResult): number {
  const later = [profile === 'distributed', load.protocol === 'grpc-web'].map(Number);
  return Number(`${Object.keys(scenarios).indexOf(scenario)}${later.join('')}`);
}

/** docs/benchmarks.md, from the last run of each profile and each load. */
function report(
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
