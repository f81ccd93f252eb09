import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from '@jest/globals';
import kafkajs from 'kafkajs';
import { type IndexDescriptionInfo, MongoClient } from 'mongodb';
import { projections } from '../../../projections/models.ts';
import { ensureTopics } from '../../adapters/kafka/event-log/topics.ts';
import { openMongoAccountStore } from '../../adapters/mongodb/account-store/mongo-account-store.ts';
import { openMongoSecurityLog } from '../../adapters/mongodb/account-store/mongo-security-log.ts';
import { openMongoReadModels } from '../../adapters/mongodb/read-model/mongo-read-models.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { freePort } from '../../testing/engines/free-port.ts';
import { installed } from '../../testing/engines/install.ts';
import { startKafka } from '../../testing/engines/kafka.ts';
import { startMongo } from '../../testing/engines/mongo.ts';
import { eventually } from '../../testing/test-sessions.ts';
import { readCompose } from './testing/compose.ts';
import { askedTopics } from './testing/topics-script.ts';

const { ConfigResourceTypes, Kafka, logLevel } = kafkajs;
const deploy = fileURLToPath(new URL('../../../deploy/', import.meta.url));
const secrets = { S3_ACCESS_KEY_ID: 'parley', S3_SECRET_ACCESS_KEY: 'parley-secret', GRAFANA_ADMIN_PASSWORD: 'x' };
const { services } = readCompose(readFileSync(`${deploy}compose.yaml`, 'utf8'), secrets);
const folder = mkdtempSync(join(tmpdir(), 'parley-engines-'));
const children: ChildProcess[] = [];

afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** The settings that the image of Kafka makes of its environment; without those that say where it listens and keeps its data. */
function brokerProperties(): Record<string, string> {
  const here = /listener|advertised|log\.dirs|quorum\.voters|heap\.opts/;
  return Object.fromEntries(
    Object.entries(services['kafka']?.environment ?? {})
      .filter(([name]) => name.startsWith('KAFKA_'))
      .map(([name, value]) => [name.slice('KAFKA_'.length).toLowerCase().replaceAll('_', '.'), String(value)])
      .filter(([name = '']) => !here.test(name)),
  );
}

/** Starts a program of the engines, and gives its path of health as soon as it answers 200 there. */
async function healthOf(program: string, args: readonly string[], env: Readonly<Record<string, string>>, url: string) {
  children.push(spawn(program, args, { env: { ...process.env, ...env }, stdio: 'ignore' }));
  const status = () =>
    fetch(url).then(
      (answer) => answer.status,
      () => 0,
    );
  return eventually(status, (code) => code === 200, 20_000);
}

/** The address that the service's own health check asks. */
function healthUrl(service: string, port: number): string {
  const url = new URL(services[service]?.healthcheck?.test.at(-1) ?? '');
  url.port = String(port);
  return url.href;
}

describe('the engines of compose.yaml', () => {
  test('Kafka knows every setting, and takes topics that create-topics.sh made', async () => {
    const properties = brokerProperties();
    await using engine = await startKafka({ properties });
    const kafka = new Kafka({ brokers: [engine.brokers], logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    try {
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: ConfigResourceTypes.BROKER, name: '1' }],
      });
      const known = new Map(
        resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]),
      );
      for (const [name, value] of Object.entries(properties)) expect([name, known.get(name)]).toEqual([name, value]);
      const topics = askedTopics({ REPLICATION_FACTOR: '1' }).map(
        ({ name, partitions, replicationFactor, settings }) => ({
          topic: name,
          numPartitions: partitions,
          replicationFactor,
          configEntries: settings
            .map((setting) => setting.split('='))
            .map(([name = '', value = '']) => ({ name, value })),
        }),
      );
      await admin.createTopics({ topics, waitForLeaders: true });
      const made: object[] = [];
      const info = (fields: object) => made.push(fields);
      const logger = { debug: () => {}, info, warn: () => {}, error: () => {} };
      const brokers = [engine.brokers];
      await ensureTopics(kafka, { brokers, prefix: 'parley', partitions: 10, replicationFactor: 1 }, logger);
      expect(made).toEqual([]);
    } finally {
      await admin.disconnect();
    }
  });

  test("Kafka's image writes its configuration into an empty folder, as it finds it on a file system that is read-only", async () => {
    const [defaults, made, data] = ['defaults', 'made', 'data'].map((name) => join(folder, 'kafka', name));
    for (const path of [defaults, made, data]) mkdirSync(path ?? '', { recursive: true });
    expect(services['kafka']?.tmpfs).toEqual(['/tmp', '/opt/kafka/config', '/opt/kafka/logs']);
    const environment = Object.entries(services['kafka']?.environment ?? {}).map(([name, value]) => [
      name,
      String(value),
    ]);
    const env = { ...process.env, ...Object.fromEntries(environment), KAFKA_LOG_DIRS: data };
    const places = `--default-configs-dir ${defaults} --mounted-configs-dir ${folder}/nowhere --final-configs-dir ${made}`;
    const classPath = join(await installed('kafka'), 'lib', '*');
    const args = ['-cp', classPath, 'kafka.docker.KafkaDockerWrapper', 'setup', ...places.split(' ')];
    await promisify(execFile)('java', args, { env });
    expect(readFileSync(join(made ?? '', 'server.properties'), 'utf8')).toContain('process.roles=broker,controller');
  });

  test('NATS starts as it is told, and its health check asks where it answers', async () => {
    const [port, http] = [await freePort(), await freePort()];
    const args = (services['nats']?.command ?? []).map((word) => (word === '8222' ? String(http) : word));
    const program = join(await installed('nats'), 'nats-server');
    expect(await healthOf(program, [...args, '-a', '127.0.0.1', '-p', String(port)], {}, healthUrl('nats', http))).toBe(
      200,
    );
  });

  test('S3 starts as it is told, and its health check asks where it answers', async () => {
    const port = await freePort();
    const objects = join(folder, 'objects');
    mkdirSync(objects);
    const words: Readonly<Record<string, string>> = { ':7070': `127.0.0.1:${port}`, '/objects': objects };
    const args = (services['s3']?.command ?? []).map((word) => words[word] ?? word);
    const env = Object.fromEntries(
      Object.entries(services['s3']?.environment ?? {}).map(([name, value]) => [name, String(value)]),
    );
    const program = join(await installed('s3'), 'versitygw');
    expect(await healthOf(program, args, env, healthUrl('s3', port))).toBe(200);
    // The keys of the environment are those it knows.
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toContain('AccessDenied');
  });
});

test('deploy/mongodb/indexes.json has the indexes that the processes make', async () => {
  await using engine = await startMongo();
  await using store = await openMongoReadModels({ uri: engine.uri, prefix: 'parley', mode: 'write' });
  for (const { collections } of projections) for (const spec of collections) store.collection(spec);
  const specs = projections.flatMap(({ collections }) => collections);
  await store.apply(
    specs.map(({ name }) => ({ collection: name, id: 'x', document: null, offset: 0 })),
    [],
  );
  await using accounts = await openMongoAccountStore({ uri: engine.uri, prefix: 'parley', clock: systemClock });
  await accounts.signingKeys();
  await using security = await openMongoSecurityLog({ uri: engine.uri, prefix: 'parley', clock: systemClock });
  await security.list(undefined, 1);
  const client = new MongoClient(engine.uri);
  try {
    expect(await indexesOf(client)).toEqual(JSON.parse(readFileSync(`${deploy}mongodb/indexes.json`, 'utf8')));
  } finally {
    await client.close();
  }
});

/** Every index but that of `_id`, by its collection. The fields of a key are a list, because their order matters. */
async function indexesOf(client: MongoClient): Promise<Record<string, object>> {
  const database = client.db('parley');
  const names = (await database.listCollections().toArray()).map(({ name }) => name).sort();
  const found: Record<string, object> = {};
  for (const name of names) {
    const indexes = (await database.collection(name).indexes()).filter((index) => index.name !== '_id_');
    if (indexes.length > 0) found[name.replace(/_\d+$/, '_<generation>')] = Object.fromEntries(indexes.map(described));
  }
  return found;
}

function described({
  name,
  key,
  unique = false,
  partialFilterExpression = {},
}: IndexDescriptionInfo): [string, object] {
  const fields = Object.entries(key).map(([field, direction]) => `${field}: ${direction}`);
  const onlyWith = Object.keys(partialFilterExpression);
  return [String(name), { key: fields, ...(unique && { unique }), ...(onlyWith.length > 0 && { onlyWith }) }];
}
