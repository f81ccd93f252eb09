import type { Journal } from '../app/journal.ts';
import type { Config } from '../config/config.ts';
import type { AccountStore } from '../ports/account-store.ts';
import type { ReadModelStore } from '../ports/read-model.ts';
import type { SecurityLog } from '../ports/security-log.ts';

/** What commands work on: the parts of a deployment, opened one by one where its profile has them. */
export interface Opening {
  /** Where it all is, for people. */
  readonly place: string;
  /** Servers may run meanwhile, and write to the log and the read models. */
  readonly isShared: boolean;
  /** Nothing was ever said, and there is no account. */
  isEmpty(): Promise<boolean>;
  /** The log, for reading, also beside servers that run. Rejects with LogNotFound, or with LogUnavailable. */
  journal(): Promise<Journal>;
  /** What a server that runs must not be disturbed by needs this first. Throws DataDirLocked while one runs on the data folder; where it is shared, does nothing. */
  lock(): Disposable;
  /** The read models, for writing. */
  readModels(): Promise<ReadModelStore>;
  /** The accounts, also beside servers that run. Rejects with NoDataFolder. */
  accounts(): Promise<AccountStore>;
  /** The security log, also beside servers that run. Rejects with NoDataFolder. */
  securityLog(): Promise<SecurityLog>;
}

/** The command works on files of the data folder. */
export class EmbeddedOnly extends Error {
  override readonly name = 'EmbeddedOnly';

  /** What is done instead in the distributed profile. */
  constructor(command: string, instead: string) {
    super(`parley ${command} works on a data folder, and this is the distributed profile (PARLEY_PROFILE): ${instead}`);
  }
}

/** Throws EmbeddedOnly in the distributed profile. */
export function requireEmbedded({ profile }: Config, command: string, instead: string): void {
  if (profile !== 'embedded') throw new EmbeddedOnly(command, instead);
}
