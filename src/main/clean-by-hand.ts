import { projectorGroupOf } from '../../projections/models.ts';
import { topicsOf } from '../app/journal.ts';
import type { DistributedConfig } from '../config/config.ts';
import { readGroupOf } from '../workers/partition-worker.ts';

/** The data are on servers that others may use as well: nothing is removed, and how it is done is said. */
export class CleanByHand extends Error {
  override readonly name = 'CleanByHand';

  constructor(prefix: string, where: DistributedConfig) {
    super(byHand(prefix, where));
  }
}

/** What to remove is exact; that nobody needs it any more, and that all servers are stopped, a person has to know. */
function byHand(prefix: string, { kafka, mongodbUri, accountsMongodbUri, s3 }: DistributedConfig): string {
  const { connections, conversations, spending } = topicsOf(prefix);
  const server = `--bootstrap-server ${kafka.brokers.join()}`;
  // Kafka itself removes those of projectors of other releases: they have no members.
  const groups = [
    `${prefix}.workers`,
    readGroupOf(`${prefix}.workers`),
    `${prefix}.workers.members`,
    `${projectorGroupOf(prefix)}.${connections}`,
    `${projectorGroupOf(prefix)}.${conversations}`,
  ];
  const dropFrom = (variable: string, uri: string) => {
    const database = /^[^/]+\/\/[^/]+\/([^?]+)/.exec(uri)?.[1] ?? prefix;
    const drop = `const d = db.getSiblingDB('${database}'); d.getCollectionNames().filter((name) => name.startsWith('${prefix}_')).forEach((name) => d[name].drop())`;
    return `  mongosh "$${variable}" --eval "${drop}"`;
  };
  return [
    `parley clean works on a data folder; what ${prefix} has in Kafka, MongoDB and S3 is removed by hand, for good, with all its servers stopped:`,
    ...[connections, conversations, spending, `${prefix}.keys`].map(
      (topic) => `  kafka-topics.sh ${server} --delete --topic ${topic}`,
    ),
    ...groups.map((group) => `  kafka-consumer-groups.sh ${server} --delete --group ${group}`),
    dropFrom('PARLEY_MONGODB_URI', mongodbUri),
    ...(accountsMongodbUri === mongodbUri ? [] : [dropFrom('PARLEY_ACCOUNTS_MONGODB_URI', accountsMongodbUri)]),
    `  aws s3 rm --recursive s3://${s3.bucket}/${prefix}/${s3.endpoint === '' ? '' : ` --endpoint-url ${s3.endpoint}`}`,
    'Nothing was removed.',
  ].join('\n');
}
