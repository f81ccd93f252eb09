import type { Clock } from '../../../ports/clock.ts';
import {
  entryIdOf,
  type SecurityEntry,
  type SecurityEvent,
  type SecurityEventKind,
  type SecurityLog,
  type SecurityPlace,
  securityEventsKeptMs,
} from '../../../ports/security-log.ts';
import { AccountFile, type Row } from './account-file.ts';

export interface SqliteSecurityLogOptions {
  /** The file of accounts; its folder must be there. Any number of processes may have it open. */
  readonly path: string;
  /** For the cut-off of expired entries. */
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** Old entries removed with each event: they go faster than they come, and no single call pays for many. */
const oldRemovedAtOnce = 20;

/** The security log in the file of accounts. Throws AccountStoreUnavailable, AccountStoreTooNew or AccountStoreDamaged. */
export function openSqliteSecurityLog(options: SqliteSecurityLogOptions): SecurityLog {
  return new SqliteSecurityLog(options);
}

class SqliteSecurityLog implements SecurityLog {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #file: AccountFile;

  constructor({ path, clock }: SqliteSecurityLogOptions) {
    this.#clock = clock;
    this.#file = new AccountFile(path);
  }

  async record(event: SecurityEvent): Promise<void> {
    const { kind, timeMs, clientId, userName, operator, address, detail } = event;
    this.#file.transaction(() => {
      this.#file.run(
        'DELETE FROM security_events WHERE entry_id IN (SELECT entry_id FROM security_events WHERE time_ms <= ? LIMIT ?)',
        ...[this.#oldestMs(), oldRemovedAtOnce],
      );
      this.#file.run(
        `INSERT INTO security_events VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?) ON CONFLICT (entry_id) DO UPDATE
         SET count = count + 1, time_ms = min(time_ms, excluded.time_ms), last_time_ms = max(last_time_ms, excluded.last_time_ms)`,
        ...[entryIdOf(event), kind, timeMs, timeMs, clientId, userName, operator, address, detail],
      );
    });
  }

  async list(after: SecurityPlace | undefined, limit: number): Promise<readonly SecurityEntry[]> {
    const { timeMs, entryId } = after ?? { timeMs: Number.MAX_SAFE_INTEGER, entryId: '' };
    return this.#file
      .all(
        'SELECT * FROM security_events WHERE time_ms > ? AND (time_ms, entry_id) < (?, ?) ORDER BY time_ms DESC, entry_id DESC LIMIT ?',
        ...[this.#oldestMs(), timeMs, entryId, limit],
      )
      .map(entryOf);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#file.close();
  }

  #oldestMs(): number {
    return this.#clock.nowMs() - securityEventsKeptMs;
  }
}

function entryOf(row: Row): SecurityEntry {
  return {
    entryId: String(row['entry_id']),
    // What is stored is of this type.
    kind: String(row['kind']) as SecurityEventKind,
    timeMs: Number(row['time_ms']),
    lastTimeMs: Number(row['last_time_ms']),
    count: Number(row['count']),
    clientId: String(row['client_id']),
    userName: String(row['user_name']),
    operator: String(row['operator']),
    address: String(row['address']),
    detail: String(row['detail']),
  };
}
