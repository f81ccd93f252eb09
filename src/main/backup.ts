import { existsSync, readdirSync } from 'node:fs';
import { copyLogFolder } from '../adapters/sqlite/event-log/copy-log.ts';
import { loadEnvironment } from '../config/environment.ts';
import { copyAccountsOf, copyMediaOf } from './copy-rest.ts';
import { requireEmbedded } from './opening.ts';
import { progressBar } from './progress-bar.ts';

const instead = 'back up Kafka, MongoDB and the bucket by their own means (docs/deployment.md).';

/** There is something where a new data folder is to be made. */
class FolderNotEmpty extends Error {
  override readonly name = 'FolderNotEmpty';
}

/**
 * Copies the configured data folder, also beside a server that runs on it: its log as it is at one moment with every record checked, its media each checked
 * against its hash, and its accounts. Exit code 1 when media are damaged. Read models are left out: a server makes them from the log. Rejects with
 * EmbeddedOnly, FolderNotEmpty and what `copyLogFolder` and `copyAccountsOf` reject with.
 */
export async function backup(targetDir: string): Promise<void> {
  const config = loadEnvironment();
  requireEmbedded(config, 'backup', instead);
  await copy(config.dataDir, targetDir);
}

/** Copies a backup to the configured data folder, which must be empty, and checks it as `backup` does. Rejects as that does. */
export async function restore(backupDir: string): Promise<void> {
  const config = loadEnvironment();
  requireEmbedded(config, 'restore', instead);
  await copy(backupDir, config.dataDir);
}

async function copy(fromDir: string, toDir: string): Promise<void> {
  // What is left of a copy that was interrupted is gone on with.
  const isUnfinished = existsSync(`${toDir}/log.unfinished`);
  if (!isUnfinished && existsSync(toDir) && readdirSync(toDir).length > 0)
    throw new FolderNotEmpty(`${toDir} is not empty; name a folder that is not there yet`);
  const missing: string[] = [];
  let rest = '';
  const records = await copyLogFolder(fromDir, toDir, {
    onProgress: progressBar('copying the log'),
    copyRest: async () => {
      // After the log: whatever it names was stored before it was named.
      const media = await copyMediaOf(fromDir, toDir);
      const hasAccounts = await copyAccountsOf(fromDir, toDir);
      missing.push(...media.missing);
      rest = `${media.objects} media ${media.objects === 1 ? 'object' : 'objects'}, ${hasAccounts ? 'the accounts' : 'no accounts'}`;
    },
  });
  process.stdout.write(`${records} records, ${rest} copied to ${toDir}, and checked\n`);
  for (const what of missing) process.stdout.write(`missing: ${what}\n`);
  if (missing.length > 0) process.exitCode = 1;
}
