import { openMongoAccountStore } from '../adapters/mongodb/account-store/mongo-account-store.ts';
import { openMongoSecurityLog } from '../adapters/mongodb/account-store/mongo-security-log.ts';
import { openMongoReadModels } from '../adapters/mongodb/read-model/mongo-read-models.ts';
import { nodeCryptoIds } from '../adapters/node/node-crypto-ids.ts';
import { systemClock } from '../adapters/node/system-clock.ts';
import { pinoLogger } from '../adapters/pino/pino-logger.ts';
import { endsOf, placesOf, sumOf } from '../app/copying/places.ts';
import type { Config } from '../config/config.ts';
import type { Logger } from '../ports/telemetry.ts';
import { distributedOf, openKafkaJournal } from './kafka.ts';
import type { Opening } from './opening.ts';
import { release } from './release.ts';

/** What a deployment keeps in Kafka and MongoDB. */
export function distributedOpening(config: Config): Opening {
  const { prefix } = config;
  const { mongodbUri: uri, accountsMongodbUri, kafka } = distributedOf(config);
  const logger = commandLogger(config);
  const openJournal = async (mode: 'read' | 'write') =>
    (await openKafkaJournal(config, { instanceId: commandId(), logger, mode })).journal;
  const openAccounts = () => openMongoAccountStore({ uri: accountsMongodbUri, prefix, clock: systemClock });
  return {
    place: `${prefix} on ${kafka.brokers.join(',')}`,
    isShared: true,
    async isEmpty() {
      // Topics that are not there are made: they are as empty.
      const journal = await openJournal('write');
      await using log = journal.log;
      await using accounts = await openAccounts();
      const ends = await endsOf(log, placesOf(journal));
      return sumOf(ends) === 0 && (await accounts.listAccounts('', 1)).length === 0;
    },
    journal: () => openJournal('read'),
    lock: () => ({ [Symbol.dispose]: () => undefined }),
    readModels: () => openMongoReadModels({ uri, prefix, mode: 'write', logger }),
    accounts: openAccounts,
    securityLog: () => openMongoSecurityLog({ uri: accountsMongodbUri, prefix, clock: systemClock }),
  };
}

/** By which the brokers' logs know a command. */
export function commandId(): string {
  return `command-${nodeCryptoIds.unique()}`;
}

/** Commands tell on standard output what they did; what goes wrong on the way is logged. */
export function commandLogger({ log }: Config): Logger {
  return pinoLogger({ ...log, release, level: log.level === 'info' ? 'warn' : log.level });
}
