import { setTimeout as sleep } from 'node:timers/promises';
import { type Difference, type Rebuilt, rebuildModel } from '../../projections/engine/rebuild.ts';
import { projections } from '../../projections/models.ts';
import { loadEnvironment } from '../config/environment.ts';
import { LogUnavailable } from '../ports/event-log.ts';
import { ReadModelUnavailable } from '../ports/read-model.ts';
import { openingOf } from './opening-of.ts';
import { progressBar } from './progress-bar.ts';

/** What an engine cannot do for the moment is tried again for so long, at these intervals. */
const waitTimeoutMs = 60_000;
const retryMs = 500;

/** A read model of that name does not exist. */
class UnknownModel extends Error {
  override readonly name = 'UnknownModel';
}

/**
 * Builds a read model anew beside the old one, compares the two document by document, and switches. Exit code 1 when they differed: the old
 * one was not what the log makes of it. Beside servers of the distributed profile it is built while they go on; readers change over in one
 * step. Rejects with DataDirLocked while a server runs on the data folder.
 */
export async function rebuild(model: string): Promise<void> {
  const projection = projections.find((candidate) => candidate.model === model);
  if (projection === undefined) {
    throw new UnknownModel(
      `there is no read model '${model}'; there are ${projections.map((known) => known.model).join(', ')}`,
    );
  }
  const opening = await openingOf(loadEnvironment());
  const journal = await opening.journal();
  await using _log = journal.log;
  using _lock = opening.lock();
  await using store = await opening.readModels();
  const rebuilt = await rebuildModel({
    journal,
    store,
    projection,
    compare: true,
    othersWrite: opening.isShared,
    ...(opening.isShared && { retry: withRetries }),
    onProgress: progressBar(`rebuilding ${model}`),
  });
  for (const difference of rebuilt.differences) process.stdout.write(describe(difference));
  process.stdout.write(`${model} rebuilt from ${rebuilt.records} records; ${verdictOn(rebuilt)}\n`);
  if (rebuilt.differences.length > 0) process.exitCode = 1;
}

/** Begun anew, a rebuild of a long log takes long; an engine that restarts is back before this. */
async function withRetries<T>(work: () => Promise<T>): Promise<T> {
  const untilMs = performance.now() + waitTimeoutMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const mayPass = error instanceof ReadModelUnavailable || error instanceof LogUnavailable;
      if (!mayPass || performance.now() > untilMs) throw error;
      await sleep(retryMs);
    }
  }
}

function verdictOn({ compared, differences }: Rebuilt): string {
  if (!compared) return 'the one before was not compared, because it was behind the log or being written';
  return differences.length === 0 ? 'the one before was equal, document by document' : 'the one before was different';
}

function describe({ collection, id, old, rebuilt }: Difference): string {
  const kind = old === null ? 'was missing' : rebuilt === null ? 'should not have been there' : 'was different';
  return `${collection} ${id} ${kind}\n`;
}
