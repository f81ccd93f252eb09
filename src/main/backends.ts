import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ActiveConnections } from '../../projections/active-connections/query.ts';
import type { HistoryQueries } from '../../projections/history/query.ts';
import type { PrometheusMetrics } from '../adapters/telemetry/prometheus/prometheus-metrics.ts';
import type { Journal } from '../app/journal.ts';
import type { Config } from '../config/config.ts';
import type { AccountStore } from '../ports/account-store.ts';
import type { HistoryProgress } from '../ports/history.ts';
import type { LiveBus } from '../ports/live-bus.ts';
import type { MediaStore } from '../ports/media-store.ts';
import type { OperationsViews } from '../ports/operations-views.ts';
import type { PartitionGroups } from '../ports/partition-groups.ts';
import type { Logger } from '../ports/telemetry.ts';
import type { Tracer } from '../ports/tracing.ts';

/** What the profiles differ in: where the log, the read models, media and accounts are, and how processes hear of each other. */
export interface Backends extends AsyncDisposable {
  /** This process, among those that share the backends. */
  readonly instanceId: string;
  readonly journal: Journal;
  readonly history: HistoryQueries;
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
}

export interface BackendsOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly metrics: PrometheusMetrics;
  /** This process, where it shares the backends with others. */
  readonly instanceId: string;
  /** undefined: nothing is traced. */
  readonly tracer: Tracer | undefined;
  /** Host and port that the HTTP port listens on; asked for each URL, as it is known only when it listens. */
  readonly httpAddress: () => string;
  /** Something that the promises rest on is gone. */
  readonly onFault: (error: unknown) => void;
}
