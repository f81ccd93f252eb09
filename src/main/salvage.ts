import { describeDamage } from '../adapters/sqlite/event-log/errors.ts';
import { salvageLog } from '../adapters/sqlite/event-log/salvage.ts';
import { topicsOf } from '../app/journal.ts';
import { loadEnvironment } from '../config/environment.ts';
import { requireEmbedded } from './opening.ts';
import { progressBar } from './progress-bar.ts';

/** Salvages the log of the configured data folder into a new data folder, and prints what is missing. Rejects with EmbeddedOnly. */
export async function salvage(targetDir: string): Promise<void> {
  const config = loadEnvironment();
  requireEmbedded(config, 'salvage', 'Kafka keeps copies of its records, from which it mends itself.');
  const topics = topicsOf(config.prefix);
  const bars = new Map<string, ReturnType<typeof progressBar>>();
  const report = await salvageLog(
    config.dataDir,
    targetDir,
    ({ step, done, total }) => {
      const bar = bars.get(step) ?? progressBar(step);
      bars.set(step, bar);
      bar(done, total);
    },
    { [topics.connections]: 1, [topics.conversations]: config.limits.partitions },
  );
  const lines = [
    `${report.records} records written to ${targetDir}, ${report.recovered} of them found outside what the database still showed`,
    ...report.missing.map((damage) => `missing: ${describeDamage(damage)}`),
    report.missing.length === 0 ? 'nothing is missing' : 'readers pass over what is missing',
    `Start the server on it with PARLEY_DATA_DIR=${targetDir}; the old folder is as it was.`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
