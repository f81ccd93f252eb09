import { existsSync } from 'node:fs';
import { openFolderMediaStore } from '../adapters/filesystem/folder-media-store.ts';
import { systemClock } from '../adapters/node/system-clock.ts';
import { openSqliteAccountStore } from '../adapters/sqlite/account-store/sqlite-account-store.ts';
import { openSqliteLog } from '../adapters/sqlite/event-log/sqlite-log.ts';
import { Journal, partitionsOf, topicsOf } from '../app/journal.ts';
import type { Config } from '../config/config.ts';
import type { AccountStore } from '../ports/account-store.ts';
import type { MediaStore } from '../ports/media-store.ts';
import { accountsPath, mediaFolder } from './data-folder.ts';
import { eventCodec } from './event-codec.ts';

/** The log in the data folder is not the one that is configured. */
export class OtherLog extends Error {
  override readonly name = 'OtherLog';
}

/** What a data folder holds, kept from servers until it is closed. */
export interface CopySource extends AsyncDisposable {
  readonly journal: Journal;
  /** undefined: there are none. */
  readonly media: MediaStore | undefined;
  readonly accounts: AccountStore | undefined;
}

/**
 * Opens the configured data folder to be copied; every record is checked first. Rejects with LogNotFound, OtherLog, DataDirLocked while a server runs
 * on it, and with what a server would reject with.
 */
export async function openCopySource(config: Config): Promise<CopySource> {
  const { dataDir, prefix, limits } = config;
  const expected = partitionsOf(prefix, limits.partitions);
  await refuseOther(config, expected);
  await using opened = new AsyncDisposableStack();
  // As its writer, who has the folder for itself and finds out at once whether a record is damaged.
  const log = opened.use(await openSqliteLog({ mode: 'write', dataDir, topics: expected }));
  const media = existsSync(mediaFolder(dataDir)) ? opened.use(await openMedia(config)) : undefined;
  const accounts = existsSync(accountsPath(dataDir))
    ? opened.use(openSqliteAccountStore({ path: accountsPath(dataDir), clock: systemClock }))
    : undefined;
  const resources = opened.move();
  return {
    journal: new Journal(log, eventCodec, prefix),
    media,
    accounts,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** Before anything is opened for writing, which would make topics that are missing. */
async function refuseOther({ dataDir, prefix }: Config, expected: Readonly<Record<string, number>>): Promise<void> {
  await using log = await openSqliteLog({ mode: 'read', dataDir });
  const { spending } = topicsOf(prefix);
  for (const [topic, partitions] of Object.entries(expected)) {
    const found = log.topics.get(topic);
    // Releases until 0.3 had none.
    if (found === undefined && topic === spending) continue;
    if (found === undefined)
      throw new OtherLog(
        `the log in ${dataDir} has the topics ${[...log.topics.keys()].join(', ')}, and not ${topic}: set the PARLEY_PREFIX that it was made with`,
      );
    if (found !== partitions)
      throw new OtherLog(`the log in ${dataDir} has ${found} partitions: set PARLEY_PARTITIONS=${found}`);
  }
}

function openMedia({ dataDir, prefix, limits }: Config): Promise<MediaStore> {
  return openFolderMediaStore({
    folder: mediaFolder(dataDir),
    prefix,
    // Nobody is given an URL.
    publicUrl: () => '',
    clock: systemClock,
    maxObjectBytes: limits.maxMediaBytes,
    onError: () => undefined,
  });
}
