import { existsSync } from 'node:fs';
import type { Projection } from '../../projections/engine/projection.ts';
import { rebuildModel } from '../../projections/engine/rebuild.ts';
import { projections } from '../../projections/models.ts';
import { layoutVersion, prepareFolder } from '../adapters/filesystem/layout.ts';
import { systemClock } from '../adapters/node/system-clock.ts';
import { readAccountSchemaVersion } from '../adapters/sqlite/account-store/account-file.ts';
import { accountSchemaVersion } from '../adapters/sqlite/account-store/schema.ts';
import { openSqliteAccountStore } from '../adapters/sqlite/account-store/sqlite-account-store.ts';
import { lockDataDir } from '../adapters/sqlite/event-log/data-folder.ts';
import {
  logFiles,
  logFolder,
  markWritten,
  openForWriting,
  schemaVersion,
} from '../adapters/sqlite/event-log/schema.ts';
import { storedCollectionVersions } from '../adapters/sqlite/read-model/generations.ts';
import { openSqliteReadModels } from '../adapters/sqlite/read-model/store.ts';
import type { Config } from '../config/config.ts';
import { loadEnvironment } from '../config/environment.ts';
import { accountsPath, mediaFolder, openJournalForReading, readModelsPath } from './data-folder.ts';
import { requireEmbedded } from './opening.ts';
import { progressBar } from './progress-bar.ts';
import { release } from './release.ts';

/**
 * Brings each store of the data folder up to what this release writes, and says what it was. A store of a later release is refused under its
 * error's name, before anything is changed. Rejects with DataDirLocked while a server runs on the folder, EmbeddedOnly in
 * the distributed profile.
 */
export async function migrate(): Promise<void> {
  const config = loadEnvironment();
  requireEmbedded(config, 'migrate', 'servers bring what they keep up to date when they start.');
  const { dataDir } = config;
  if (!existsSync(dataDir)) return tell(`there is no ${dataDir}: nothing to bring up to date`);
  using _lock = lockDataDir(dataDir);
  // All are looked at first: of one that is too new, the others are not to be told as brought up to date.
  const accounts = readAccountSchemaVersion(accountsPath(dataDir));
  const collections = storedCollectionVersions(readModelsPath(dataDir));
  if (existsSync(mediaFolder(dataDir))) await prepareFolder(mediaFolder(dataDir), config.prefix);
  await migrateLog(config);
  await migrateAccounts(dataDir, accounts);
  tell(existsSync(mediaFolder(dataDir)) ? `media: version ${layoutVersion}, current` : 'media: none');
  await migrateReadModels(config, collections);
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Its records stay as they are; its mark tells older releases that they cannot write to it. */
async function migrateLog(config: Config): Promise<void> {
  if (!existsSync(logFolder(config.dataDir))) return tell('log: none');
  const journal = await openJournalForReading(config);
  await journal.log[Symbol.asyncDispose]();
  using log = openForWriting(logFiles(logFolder(config.dataDir)).database);
  const { format } = markWritten(log, release);
  tell(format === schemaVersion ? `log: version ${format}, current` : `log: version ${format}, now ${schemaVersion}`);
}

async function migrateAccounts(dataDir: string, found: number | null): Promise<void> {
  if (found === null) return tell('accounts: none');
  const store = openSqliteAccountStore({ path: accountsPath(dataDir), clock: systemClock });
  await store[Symbol.asyncDispose]();
  tell(
    found === accountSchemaVersion
      ? `accounts: version ${found}, current`
      : `accounts: version ${found}, now ${accountSchemaVersion}`,
  );
}

async function migrateReadModels(config: Config, found: ReadonlyMap<string, number> | null): Promise<void> {
  if (found === null) return tell('read models: damaged; the next start makes them again from the log');
  if (found.size === 0) return tell('read models: none; the next start makes them from the log');
  await using store = openSqliteReadModels({ path: readModelsPath(config.dataDir), mode: 'write' });
  for (const projection of projections) {
    if (isCurrent(projection, found)) tell(`read model ${projection.model}: current`);
    else await refold(config, projection, store);
  }
}

/** The models that an older release has made in such a file. */
export function outdatedModels(found: ReadonlyMap<string, number> | null): readonly string[] {
  if (found === null || found.size === 0) return [];
  return projections.filter((projection) => !isCurrent(projection, found)).map(({ model }) => model);
}

function isCurrent({ collections }: Projection, found: ReadonlyMap<string, number>): boolean {
  return collections.every((spec) => found.get(spec.name) === spec.version);
}

async function refold(
  config: Config,
  projection: Projection,
  store: ReturnType<typeof openSqliteReadModels>,
): Promise<void> {
  const journal = await openJournalForReading(config);
  await using _log = journal.log;
  const onProgress = progressBar(`folding ${projection.model} anew`);
  const { records } = await rebuildModel({ journal, store, projection, onProgress });
  tell(`read model ${projection.model}: of an older release, made anew from ${records} records`);
}
