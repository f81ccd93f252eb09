import { type ActiveConnections, activeConnections } from '../../projections/active-connections/query.ts';

import { type HistoryQueries, history as historyQueries } from '../../projections/history/query.ts';
import { operationsViews } from '../../projections/operations-views.ts';
import { openSqliteLog, type WritableSqliteLog } from '../adapters/event-log/sqlite/sqlite-log.ts';
import { openSqliteReadModels } from '../adapters/read-model/sqlite/store.ts';
import type { PrometheusMetrics } from '../adapters/telemetry/prometheus/prometheus-metrics.ts';
import { Journal, topicsOf } from '../app/journal.ts';
import { eventCodec } from '../codec/event-codec.ts';
import type { Config } from '../config/config.ts';
import type { HistoryProgress } from '../ports/history.ts';
import type { OperationsViews } from '../ports/operations-views.ts';
import type { Logger } from '../ports/telemetry.ts';
import { readModelsPath } from './data-folder.ts';
import { type ProjectorThread, startProjectorThread } from './projector.ts';

/** What the data folder gives: the log, and the read models that the projector keeps. */
export interface Storage extends AsyncDisposable {
  readonly journal: Journal;
  readonly history: HistoryQueries;
  readonly progress: HistoryProgress;
  readonly views: OperationsViews;
  readonly connections: ActiveConnections;
}

export interface StorageOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly metrics: PrometheusMetrics;
  /** Something that the promises rest on is gone. */
  readonly onFault: (error: unknown) => void;
}

/** Opens the data folder. Rejects with DataDirLocked, LogConfigMismatch, LogDamagedAtOpen or LogUnavailable. */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  const { config } = options;
  await using opened = new AsyncDisposableStack();
  const topics = topicsOf(config.prefix);
  const log = opened.use(
    await openSqliteLog({
      mode: 'write',
      dataDir: config.dataDir,
      topics: { [topics.connections]: 1, [topics.conversations]: config.limits.partitions },
    }),
  );
  const projector = await startProjector(options, log);
  opened.defer(() => projector.close());
  const store = opened.use(
    openSqliteReadModels({
      path: readModelsPath(config.dataDir),
      mode: 'read',
      onDamaged: (inode) => projector.reportDamaged(inode),
    }),
  );
  const resources = opened.move();
  return {
    journal: new Journal(log, eventCodec, config.prefix),
    history: historyQueries(store),
    progress: projector.history,
    views: operationsViews(store),
    connections: activeConnections(store),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

function startProjector(
  { config, logger, metrics, onFault }: StorageOptions,
  log: WritableSqliteLog,
): Promise<ProjectorThread> {
  return startProjectorThread({
    dataDir: config.dataDir,
    prefix: config.prefix,
    partitions: config.limits.partitions,
    readModelPath: readModelsPath(config.dataDir),
    wakeSignal: log.wakeSignal,
    onFault,
    onParked: (parked) => {
      metrics.parked();
      logger.error(parked, 'a record cannot be decoded and was put aside');
    },
    onTrouble: (what) => logger.warn({ what }, 'trouble with the read models'),
  });
}
