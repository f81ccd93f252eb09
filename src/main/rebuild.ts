import { projections } from '../../projections/models.ts';
import { type Difference, rebuildModel } from '../../projections/rebuild.ts';
import { lockDataDir } from '../adapters/event-log/sqlite/lock.ts';
import { openSqliteReadModels } from '../adapters/read-model/sqlite/store.ts';
import { loadEnvironment } from '../config/environment.ts';
import { openJournalForReading, readModelsPath } from './data-folder.ts';
import { progressBar } from './progress-bar.ts';

/** A read model of that name does not exist. */
class UnknownModel extends Error {
  override readonly name = 'UnknownModel';
}

/**
 * Builds a read model anew beside the old one, compares the two document by document, and switches. Exit code 1 when they differed: the old
 * one was not what the log makes of it. Rejects with DataDirLocked while a server runs on the folder.
 */
export async function rebuild(model: string): Promise<void> {
  const projection = projections.find((candidate) => candidate.model === model);
  if (projection === undefined) {
    throw new UnknownModel(
      `there is no read model '${model}'; there are ${projections.map((known) => known.model).join(', ')}`,
    );
  }
  const config = loadEnvironment();
  const journal = await openJournalForReading(config);
  await using _log = journal.log;
  using _lock = lockDataDir(config.dataDir);
  await using store = openSqliteReadModels({ path: readModelsPath(config.dataDir), mode: 'write' });
  const { records, differences } = await rebuildModel({
    journal,
    store,
    projection,
    compare: true,
    onProgress: progressBar(`rebuilding ${model}`),
  });
  for (const difference of differences) process.stdout.write(describe(difference));
  const verdict =
    differences.length === 0 ? 'the one before was equal, document by document' : 'the one before was different';
  process.stdout.write(`${model} rebuilt from ${records} records; ${verdict}\n`);
  if (differences.length > 0) process.exitCode = 1;
}

function describe({ collection, id, old, rebuilt }: Difference): string {
  const kind = old === null ? 'was missing' : rebuilt === null ? 'should not have been there' : 'was different';
  return `${collection} ${id} ${kind}\n`;
}
