import { existsSync } from 'node:fs';
import { systemClock } from '../adapters/node/system-clock.ts';
import { openSqliteAccountStore } from '../adapters/sqlite/account-store/sqlite-account-store.ts';
import { openSqliteSecurityLog } from '../adapters/sqlite/account-store/sqlite-security-log.ts';
import { lockDataDir } from '../adapters/sqlite/event-log/data-folder.ts';
import { logFolder } from '../adapters/sqlite/event-log/schema.ts';
import { openSqliteReadModels } from '../adapters/sqlite/read-model/store.ts';
import type { Config } from '../config/config.ts';
import { accountsPath, openJournalForReading, readModelsPath } from './data-folder.ts';
import type { Opening } from './opening.ts';

class NoDataFolder extends Error {
  override readonly name = 'NoDataFolder';

  constructor(dataDir: string) {
    super(`There is no ${dataDir}: start the server once, with PARLEY_AUTH=accounts, or name another PARLEY_DATA_DIR.`);
  }
}

/** The data folder. */
export function embeddedOpening(config: Config): Opening {
  const { dataDir } = config;
  return {
    place: dataDir,
    isShared: false,
    isEmpty: async () => !existsSync(logFolder(dataDir)) && !existsSync(accountsPath(dataDir)),
    journal: () => openJournalForReading(config),
    lock: () => lockDataDir(dataDir),
    readModels: async () => openSqliteReadModels({ path: readModelsPath(dataDir), mode: 'write' }),
    async accounts() {
      if (!existsSync(dataDir)) throw new NoDataFolder(dataDir);
      return openSqliteAccountStore({ path: accountsPath(dataDir), clock: systemClock });
    },
    async securityLog() {
      if (!existsSync(dataDir)) throw new NoDataFolder(dataDir);
      return openSqliteSecurityLog({ path: accountsPath(dataDir), clock: systemClock });
    },
  };
}
