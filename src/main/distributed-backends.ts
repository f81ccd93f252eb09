import { activeConnections } from '../../projections/active-connections/query.ts';
import { GroupProjector } from '../../projections/engine/group-projector.ts';
import { lagOf, standingsOf } from '../../projections/engine/lag.ts';
import { Pace } from '../../projections/engine/pace.ts';
import { PolledProgress } from '../../projections/engine/polled-progress.ts';
import { openModel } from '../../projections/engine/runner.ts';
import { historyModel } from '../../projections/history/document.ts';
import { history as historyQueries } from '../../projections/history/query.ts';
import { usageIn } from '../../projections/history/usage.ts';
import { projections, projectorGroupOf } from '../../projections/models.ts';
import { operationsViews } from '../../projections/operations-views.ts';
import { kafkaPartitionGroups } from '../adapters/kafka/partition-groups/kafka-partition-groups.ts';
import { inProcessBus } from '../adapters/memory/live-bus/in-process-bus.ts';
import { openMongoAccountStore } from '../adapters/mongodb/account-store/mongo-account-store.ts';
import { openMongoSecurityLog } from '../adapters/mongodb/account-store/mongo-security-log.ts';
import { openMongoReadModels } from '../adapters/mongodb/read-model/mongo-read-models.ts';
import { openNatsBus } from '../adapters/nats/nats-bus.ts';
import { systemClock } from '../adapters/node/system-clock.ts';
import { openS3MediaStore } from '../adapters/s3/s3-media-store.ts';
import type { Journal } from '../app/journal.ts';
import type { PartitionGroups } from '../ports/partition-groups.ts';
import type { Backends } from './backends.ts';
import type { BackendsOptions } from './backends-options.ts';
import { tellCatchUp } from './catch-up.ts';
import { distributedOf, openKafkaJournal } from './kafka.ts';

/** How late history may be: gathering for this long saves the database writes. The longest is for a database that is slow, or has much to do. */
const shortestPaceMs = 20;
const longestPaceMs = 200;

/**
 * The log on Kafka, read models and accounts on MongoDB, the live bus on NATS, media on S3; and the projector, where it is a role of this
 * process. Only the log must be there at the start. Rejects with LogUnavailable, KafkaRefused or TopicMisconfigured.
 */
export async function openDistributed(options: BackendsOptions): Promise<Backends> {
  const { config, logger, metrics, tracer, instanceId, onFault } = options;
  const { prefix, limits } = config;
  const { mongodbUri: uri, accountsMongodbUri, natsServers: servers, s3 } = distributedOf(config);
  await using opened = new AsyncDisposableStack();
  // What only a projector reads is gathered for the database anyhow; admission and workers read what clients wait for.
  const isPatient = config.roles.every((role) => role === 'projector');
  const journalOptions = { instanceId, logger, mode: 'write', isPatient, metrics, tracer } as const;
  const { kafka, journal } = await openKafkaJournal(config, journalOptions);
  opened.use(journal.log);
  const groups = kafkaPartitionGroups({ kafka, logger, clock: systemClock });
  // A projector neither publishes pieces nor shows them: it need not reach NATS, nor know a password of it.
  const bus = opened.use(isPatient ? inProcessBus() : await openNatsBus({ servers, prefix, logger, name: instanceId }));
  const media = opened.use(
    openS3MediaStore({
      s3,
      prefix,
      maxObjectBytes: limits.maxMediaBytes,
      clock: systemClock,
      logger,
      room: { maxBytesPerOwner: config.media.maxBytesPerClient, onNoRoom: () => metrics.writeRefused('media') },
    }),
  );
  const store = opened.use(await openMongoReadModels({ uri, prefix, mode: 'read', logger }));
  // Before anybody asks how far it is: which release's history that is about depends on the collections.
  const history = historyQueries(store);
  const { conversations } = journal.topics;
  const followed = { model: historyModel, topic: conversations, partitions: limits.partitions, onFault };
  const progress = opened.use(new PolledProgress({ store, clock: systemClock, ...followed }));
  if (config.roles.includes('projector')) opened.use(await startProjector(options, journal, groups));
  const resources = opened.move();
  return {
    instanceId,
    journal,
    history,
    usage: usageIn(store),
    progress,
    views: operationsViews(store),
    connections: activeConnections(store),
    groups,
    bus,
    media,
    mediaHandler: undefined,
    openAccounts: () => openMongoAccountStore({ uri: accountsMongodbUri, prefix, clock: systemClock }),
    openSecurityLog: () => openMongoSecurityLog({ uri: accountsMongodbUri, prefix, clock: systemClock }),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function startProjector(
  { config, logger, metrics, onFault }: BackendsOptions,
  journal: Journal,
  groups: PartitionGroups,
): Promise<AsyncDisposable> {
  const { prefix } = config;
  await using opened = new AsyncDisposableStack();
  const uri = distributedOf(config).mongodbUri;
  const outdated = new Set<string>();
  const onBegun = (model: string) => outdated.add(model);
  const store = opened.use(await openMongoReadModels({ uri, prefix, mode: 'write', logger, onBegun }));
  // Before their lag is asked for, as above.
  for (const projection of projections) openModel(projection, store);
  const projector = opened.use(
    new GroupProjector({
      journal,
      store,
      projections,
      groups,
      group: projectorGroupOf(prefix),
      clock: systemClock,
      pace: new Pace(systemClock, shortestPaceMs, () => false, longestPaceMs),
      onDeadLetter: (parked) => {
        metrics.parked();
        logger.error(parked, 'a record cannot be decoded and was put aside');
      },
      onTruncated(model, { topic, partition, offset, endOffset }) {
        const about = { model, topic, partition, offset, endOffset };
        logger.error(about, 'the log is shorter than what the read model was made from; it begins again');
      },
      onRetry: ({ message }) => logger.warn({ message }, 'the projector will try again'),
      onFault: (model, topic, partition, cause) =>
        onFault(new Error(`${model} goes no further in ${topic}/${partition}`, { cause })),
      onEnded: onFault,
    }),
  );
  metrics.roles.projector({ lag: () => lagOf(journal, store, projections) });
  const standings = () => standingsOf(journal, store, projections);
  opened.use(tellCatchUp({ standings, outdated, logger, clock: systemClock }));
  projector.start();
  return opened.move();
}
