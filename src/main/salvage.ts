import { describeDamage } from '../adapters/sqlite/event-log/errors.ts';
import { salvageLog } from '../adapters/sqlite/event-log/salvage.ts';
import { partitionsOf } from '../app/journal.ts';
import { loadEnvironment } from '../config/environment.ts';
import { copyMediaOf, salvageAccountsOf } from './copy-rest.ts';
import { requireEmbedded } from './opening.ts';
import { progressBar } from './progress-bar.ts';

/**
 * Salvages the configured data folder into a new one: every whole record of its log, its media and its accounts. Prints what is missing. Rejects with
 * EmbeddedOnly, LogExists, LogNotFound or DataDirLocked.
 */
export async function salvage(targetDir: string): Promise<void> {
  const config = loadEnvironment();
  requireEmbedded(config, 'salvage', 'Kafka keeps copies of its records, from which it mends itself.');
  const { dataDir, prefix, limits } = config;
  const bars = { 'reading records': progressBar('reading records'), 'searching bytes': progressBar('searching bytes') };
  const rest: Rest = { objects: 0, missing: [] };
  const report = await salvageLog(dataDir, targetDir, {
    onProgress: ({ step, done, total }) => bars[step](done, total),
    topics: partitionsOf(prefix, limits.partitions),
    copyRest: async () => {
      const media = await copyMediaOf(dataDir, targetDir);
      const accounts = await salvageAccountsOf(dataDir, targetDir);
      rest.objects = media.objects;
      rest.missing.push(...media.missing, ...(accounts === undefined ? [] : [accounts]));
    },
  });
  const missing = [...report.missing.map(describeDamage), ...rest.missing];
  const lines = [
    `${report.records} records written to ${targetDir}, ${report.recovered} of them found outside what the database still showed`,
    `${rest.objects} media objects copied`,
    ...missing.map((what) => `missing: ${what}`),
    missing.length === 0 ? 'nothing is missing' : 'readers pass over what is missing',
    `Start the server on it with PARLEY_DATA_DIR=${targetDir}; the old folder is as it was.`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** What a data folder has beside its log. */
interface Rest {
  objects: number;
  readonly missing: string[];
}
