import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ActiveConnections } from '../../projections/active-connections/query.ts';
import type { HistoryQueries } from '../../projections/history/query.ts';
import type { Journal } from '../app/journal.ts';
import type { AccountStore } from '../ports/account-store.ts';
import type { HistoryProgress } from '../ports/history.ts';
import type { LiveBus } from '../ports/live-bus.ts';
import type { MediaStore } from '../ports/media-store.ts';
import type { OperationsViews } from '../ports/operations-views.ts';
import type { PartitionGroups } from '../ports/partition-groups.ts';
import type { SecurityLog } from '../ports/security-log.ts';
import type { Usage } from '../ports/usage.ts';

/** What the profiles differ in: where the log, the read models, media and accounts are, and how processes hear of each other. */
export interface Backends extends AsyncDisposable {
  /** This process, among those that share the backends. */
  readonly instanceId: string;
  /** No other process can run under this id while this one does. Default: false. */
  readonly isInstanceExclusive?: boolean;
  readonly journal: Journal;
  readonly history: HistoryQueries;
  readonly usage: Usage;
  readonly progress: HistoryProgress;
  readonly views: OperationsViews;
  readonly connections: ActiveConnections;
  readonly groups: PartitionGroups;
  readonly bus: LiveBus;
  readonly media: MediaStore;
  /** What answers under `/media/`; undefined where the store answers by itself. */
  readonly mediaHandler: ((request: IncomingMessage, response: ServerResponse) => Promise<void>) | undefined;
  /** Rejects with AccountStoreUnavailable, AccountStoreTooNew or AccountStoreDamaged. */
  openAccounts(): Promise<AccountStore>;
  /** Kept beside the accounts; rejects alike. */
  openSecurityLog(): Promise<SecurityLog>;
}
