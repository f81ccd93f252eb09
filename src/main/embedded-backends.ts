import { activeConnections } from '../../projections/active-connections/query.ts';
import { lagOf, standingsOf } from '../../projections/engine/lag.ts';
import { history as historyQueries } from '../../projections/history/query.ts';
import { usageIn } from '../../projections/history/usage.ts';
import { projections } from '../../projections/models.ts';
import { operationsViews } from '../../projections/operations-views.ts';
import { openFolderMediaStore } from '../adapters/filesystem/folder-media-store.ts';
import { freeBytesOf } from '../adapters/filesystem/room.ts';
import { inProcessBus } from '../adapters/memory/live-bus/in-process-bus.ts';
import { soleOwner } from '../adapters/memory/partition-groups/sole-owner.ts';
import { systemClock } from '../adapters/node/system-clock.ts';
import { openSqliteAccountStore } from '../adapters/sqlite/account-store/sqlite-account-store.ts';
import { openSqliteSecurityLog } from '../adapters/sqlite/account-store/sqlite-security-log.ts';
import { openSqliteLog, type WritableSqliteLog } from '../adapters/sqlite/event-log/sqlite-log.ts';
import { storedCollectionVersions } from '../adapters/sqlite/read-model/generations.ts';
import { openSqliteReadModels } from '../adapters/sqlite/read-model/store.ts';
import { Journal, partitionsOf } from '../app/journal.ts';
import { measuredLog } from '../app/measured-log.ts';
import { tracedLog } from '../app/traced-log.ts';
import type { Backends } from './backends.ts';
import type { BackendsOptions } from './backends-options.ts';
import { tellCatchUp } from './catch-up.ts';
import { accountsPath, mediaFolder, readModelsPath } from './data-folder.ts';
import { eventCodec } from './event-codec.ts';
import { outdatedModels } from './migrate.ts';
import { restrictDataFolder } from './private-files.ts';
import { type ProjectorThread, startProjectorThread } from './projector.ts';
import { publicUrlOf } from './public-url.ts';
import { release } from './release.ts';

/**
 * Everything in the data folder, and the projector's thread that keeps the read models. Rejects with DataDirLocked, LogConfigMismatch,
 * LogDamagedAtOpen, LogUnavailable, MediaStoreTooNew, MediaStoreDamaged or MediaUnavailable.
 */
export async function openEmbedded(options: BackendsOptions): Promise<Backends> {
  const { config, logger, metrics, tracer, httpAddress } = options;
  const { dataDir, prefix, limits } = config;
  restrictDataFolder(dataDir, logger);
  await using opened = new AsyncDisposableStack();
  const log = opened.use(await openLog(options));
  const outdated = outdatedModels(storedCollectionVersions(readModelsPath(dataDir)));
  const projector = await startProjector(options, log);
  opened.defer(() => projector.close());
  const store = opened.use(
    openSqliteReadModels({
      path: readModelsPath(dataDir),
      mode: 'read',
      onDamaged: (inode) => projector.reportDamaged(inode),
      isCurrent: (inode) => projector.isCurrent(inode),
    }),
  );
  const media = opened.use(
    await openFolderMediaStore({
      folder: mediaFolder(dataDir),
      prefix,
      publicUrl: () => publicUrlOf(config, httpAddress()),
      clock: systemClock,
      maxObjectBytes: limits.maxMediaBytes,
      room: {
        minFreeBytes: config.media.minFreeDiskBytes,
        maxBytesPerOwner: config.media.maxBytesPerClient,
        maxBytesInAll: config.media.maxBytesInAll,
        onNoRoom: () => metrics.writeRefused('media'),
      },
      onError: (error) => logger.error({ err: error }, 'a media request failed'),
    }),
  );
  metrics.roles.dataFolder({
    freeBytes: () => freeBytesOf(dataDir),
    minFreeBytes: config.media.minFreeDiskBytes,
  });
  const bus = opened.use(inProcessBus());
  const journal = new Journal(tracedLog(measuredLog(log, metrics, systemClock), tracer), eventCodec, prefix);
  metrics.roles.projector({ lag: () => lagOf(journal, store, projections) });
  const standings = () => standingsOf(journal, store, projections);
  opened.use(tellCatchUp({ standings, outdated, logger, clock: systemClock }));
  const resources = opened.move();
  return {
    // The data folder is locked, so there is one gateway on it: under one name, each start ends the sessions of the one before.
    instanceId: 'embedded',
    isInstanceExclusive: true,
    journal,
    history: historyQueries(store),
    usage: usageIn(store),
    progress: projector.history,
    views: operationsViews(store),
    connections: activeConnections(store),
    groups: soleOwner((topic) => log.partitions(topic)),
    bus,
    media,
    mediaHandler: media.handler,
    openAccounts: async () => openSqliteAccountStore({ path: accountsPath(dataDir), clock: systemClock }),
    openSecurityLog: async () => openSqliteSecurityLog({ path: accountsPath(dataDir), clock: systemClock }),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function openLog({ config, logger, onFault }: BackendsOptions): Promise<WritableSqliteLog> {
  const topics = partitionsOf(config.prefix, config.limits.partitions);
  const { dataDir } = config;
  const log = await openSqliteLog({ mode: 'write', dataDir, topics, release, checksFirst: 'newest', onFault });
  if (log.writtenBy !== undefined && log.writtenBy !== release)
    logger.info({ before: log.writtenBy }, 'another release has written the log before');
  return log;
}

function startProjector(
  { config, logger, metrics, onFault }: BackendsOptions,
  log: WritableSqliteLog,
): Promise<ProjectorThread> {
  return startProjectorThread({
    dataDir: config.dataDir,
    prefix: config.prefix,
    partitions: config.limits.partitions,
    readModelPath: readModelsPath(config.dataDir),
    wakeSignal: log.wakeSignal,
    onFault,
    onDeadLetter: (parked) => {
      metrics.parked();
      logger.error(parked, 'a record cannot be decoded and was put aside');
    },
    onTrouble: (what) => logger.warn({ what }, 'the projector met a fault and goes on'),
  });
}
