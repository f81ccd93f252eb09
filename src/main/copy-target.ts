import { openModel } from '../../projections/engine/runner.ts';
import { projections } from '../../projections/models.ts';
import { haveTimestampType, setTimestampType } from '../adapters/kafka/event-log/topic-times.ts';
import { openMongoAccountStore } from '../adapters/mongodb/account-store/mongo-account-store.ts';
import { openMongoReadModels } from '../adapters/mongodb/read-model/mongo-read-models.ts';
import { systemClock } from '../adapters/node/system-clock.ts';
import { openS3MediaStore } from '../adapters/s3/s3-media-store.ts';
import type { Journal } from '../app/journal.ts';
import type { Config } from '../config/config.ts';
import type { AccountStore } from '../ports/account-store.ts';
import type { MediaStore } from '../ports/media-store.ts';
import type { ReadModelStore } from '../ports/read-model.ts';
import { commandId, commandLogger } from './distributed-opening.ts';
import { distributedOf, openKafkaJournal } from './kafka.ts';

/** Where a data folder is copied to. */
export interface CopyTarget extends AsyncDisposable {
  readonly place: string;
  readonly journal: Journal;
  readonly media: MediaStore;
  readonly accounts: AccountStore;
  /** Its topics are as servers need them: no copy is under way. */
  isOpenToServers(): Promise<boolean>;
  /** From now on records keep the times that they are given, and no server starts. */
  closeToServers(): Promise<void>;
  /** From now on records have the log's own times. Servers start, and make the read models from the log, whatever was there before. */
  openToServers(): Promise<void>;
  /** The log as another process would read it. */
  reread(): Promise<Journal>;
}

/** Opens the configured deployment to copy into it; makes topics that are missing. Rejects with LogUnavailable, KafkaRefused or TopicMisconfigured. */
export async function openCopyTarget(config: Config): Promise<CopyTarget> {
  const { prefix, limits } = config;
  const { mongodbUri: uri, accountsMongodbUri, s3, kafka: settings } = distributedOf(config);
  const logger = commandLogger(config);
  const instanceId = commandId();
  await using opened = new AsyncDisposableStack();
  const { kafka, journal } = await openKafkaJournal(config, { instanceId, logger, mode: 'copy' });
  opened.use(journal.log);
  const media = opened.use(
    openS3MediaStore({ s3, prefix, maxObjectBytes: limits.maxMediaBytes, clock: systemClock, logger }),
  );
  const accounts = opened.use(await openMongoAccountStore({ uri: accountsMongodbUri, prefix, clock: systemClock }));
  const readModels = opened.use(await openMongoReadModels({ uri, prefix, mode: 'write', logger }));
  const events: readonly string[] = Object.values(journal.topics);
  const all = [...events, `${prefix}.keys`];
  const open = async (mode: 'read' | 'write') => (await openKafkaJournal(config, { instanceId, logger, mode })).journal;
  const resources = opened.move();
  return {
    place: `${prefix} on ${settings.brokers.join(',')}`,
    journal,
    media,
    accounts,
    isOpenToServers: () => haveTimestampType(kafka, all, 'LogAppendTime'),
    closeToServers: () => setTimestampType(kafka, events, 'CreateTime'),
    async openToServers() {
      await beginAgain(readModels, journal);
      await setTimestampType(kafka, all, 'LogAppendTime');
      // As a server checks them when it starts.
      await using _checked = (await open('write')).log;
    },
    reread: () => open('read'),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** Read models that were made from another log must not be gone on with. */
async function beginAgain(store: ReadModelStore, { topics, log }: Journal): Promise<void> {
  for (const projection of projections) {
    const { model } = openModel(projection, store).projection;
    const topic = topics[projection.topic];
    const partitions = Array.from({ length: log.partitions(topic) }, (_, partition) => partition);
    const found = await Promise.all(partitions.map((partition) => store.checkpoint(model, topic, partition)));
    if (found.some(({ offset }) => offset > 0)) await (await store.rebuild(model)).activate();
  }
}
