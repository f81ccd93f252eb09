import { existsSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { lockDataDir } from '../adapters/sqlite/event-log/data-folder.ts';
import { logFolder } from '../adapters/sqlite/event-log/schema.ts';
import { openSqliteLog } from '../adapters/sqlite/event-log/sqlite-log.ts';
import { topicsOf } from '../app/journal.ts';
import { ask } from '../cli/confirm.ts';
import type { Config } from '../config/config.ts';
import { loadEnvironment } from '../config/environment.ts';
import { CleanByHand } from './clean-by-hand.ts';
import { accountsPath, mediaFolder, readModelsPath } from './data-folder.ts';

/** The folder belongs to a deployment with another prefix, or what it is cannot be told. */
class NotThisDeployment extends Error {
  override readonly name = 'NotThisDeployment';
}

/** Something to remove. */
interface Found {
  readonly path: string;
  readonly files: number;
  readonly bytes: number;
}

/**
 * Removes the deployment's data after the prefix was typed (or with `yes`): log, read models, accounts and the media that carry the
 * prefix. What else is in the folder stays. Rejects with DataDirLocked while a server runs on it, NotThisDeployment for another prefix's.
 * In the distributed profile it removes nothing and says what to do (CleanByHand).
 */
export async function clean({ yes }: { readonly yes?: boolean }): Promise<void> {
  const config = loadEnvironment();
  if (config.distributed !== undefined) throw new CleanByHand(config.prefix, config.distributed);
  const { dataDir, prefix } = config;
  if (!existsSync(dataDir)) return say(`There is no ${dataDir}: nothing to remove.\n`);
  {
    using _lock = lockDataDir(dataDir);
    await checkPrefix(config);
    const found = await foundIn(config);
    if (found.length === 0) say(`Nothing of ${prefix} is in ${dataDir}.\n`);
    else {
      say(`This removes for good, from ${dataDir}:\n${found.map(describe).join('')}`);
      if (yes !== true && (await ask(`Type the prefix, ${prefix}, to go on: `)) !== prefix) {
        process.exitCode = 1;
        return say('Nothing was removed.\n');
      }
      for (const { path } of found) await rm(path, { recursive: true });
      say('Removed.\n');
    }
  }
  for (const file of ['lock', 'lock-journal']) await rm(join(dataDir, file), { force: true });
  await tellRest(dataDir);
}

function say(text: string): void {
  process.stdout.write(text);
}

/** The log's topics carry the prefix; they tell whose the folder is. */
async function checkPrefix({ dataDir, prefix }: Config): Promise<void> {
  if (!existsSync(logFolder(dataDir))) return;
  await using log = await openSqliteLog({ mode: 'read', dataDir });
  const own = new Set(Object.values(topicsOf(prefix)));
  const others = [...log.topics.keys()].filter((topic) => !own.has(topic));
  if (others.length > 0) {
    throw new NotThisDeployment(
      `the log in ${dataDir} has the topics ${others.join(', ')}, which are not of the prefix ${prefix}; nothing was removed`,
    );
  }
}

async function foundIn({ dataDir, prefix }: Config): Promise<readonly Found[]> {
  const media = mediaFolder(dataDir);
  const ownMedia = join(media, prefix);
  const entries = await readdir(dataDir);
  const databases = [readModelsPath(dataDir), accountsPath(dataDir)].flatMap((path) =>
    entries.filter((entry) => entry.startsWith(basename(path))).map((entry) => join(dataDir, entry)),
  );
  // With the last prefix's media goes what the store keeps for all of them.
  const kept = existsSync(media) ? await readdir(media, { withFileTypes: true }) : [];
  const isOnlyOne = kept.every((entry) => !entry.isDirectory() || entry.name === prefix);
  const paths = [logFolder(dataDir), ...databases, isOnlyOne ? media : ownMedia];
  return Promise.all(paths.filter((path) => existsSync(path)).map(measure));
}

async function measure(path: string): Promise<Found> {
  const own = await stat(path);
  if (!own.isDirectory()) return { path, files: 1, bytes: own.size };
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(file.parentPath, file.name))).size));
  return { path, files: files.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

function describe({ path, files, bytes }: Found): string {
  return `  ${path}  ${files} file${files === 1 ? '' : 's'}, ${bytes} bytes\n`;
}

async function tellRest(dataDir: string): Promise<void> {
  const rest = await readdir(dataDir);
  if (rest.length > 0) say(`Left in ${dataDir}, because it is not of this deployment: ${rest.join(', ')}\n`);
  else await rm(dataDir, { recursive: true });
}
