import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import type { Certificate } from '../certificates.ts';
import { type Engine, type EngineOptions, engineFolder, externalEngine, startEngine } from './engine-process.ts';
import { freePort, portFor } from './free-port.ts';
import { installed } from './install.ts';

const answerTimeoutMs = 2_000;
const java = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'];

export interface KafkaEngine extends Engine {
  /** For `brokers` of a client: `127.0.0.1:port`, or what KAFKA_BROKERS says (comma-separated). */
  readonly brokers: string;
  /** Where it speaks TLS and asks who one is: `127.0.0.1:port`; '' when it was not told to. */
  readonly securedBrokers: string;
}

export interface KafkaOptions extends EngineOptions {
  /** Of `server.properties`, on top of what a single broker needs. */
  readonly properties?: Readonly<Record<string, string>>;
  /** It listens once more, by TLS with SASL (PLAIN or SCRAM-SHA-512), for this one user. */
  readonly secured?: Secured;
}

/** How clients know the broker, and it them. */
export interface Secured {
  readonly certificate: Certificate;
  readonly username: string;
  readonly password: string;
}

/** Apache Kafka: one process, broker and KRaft controller. Resolves when it takes records, about 3 s. External: KAFKA_BROKERS. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaEngine> {
  const { KAFKA_BROKERS: external } = process.env;
  if (options.external === 'allowed' && external)
    return { ...externalEngine('Kafka'), brokers: external, securedBrokers: '' };

  const lib = join(await installed('kafka'), 'lib', '*');
  const brokers = `127.0.0.1:${await portFor(options)}`;
  const { secured } = options;
  const securedBrokers = secured === undefined ? '' : `127.0.0.1:${await freePort()}`;
  const folder = await engineFolder('kafka', options);
  const properties = join(folder.path, 'server.properties');
  const logDir = join(folder.path, 'log');
  const formatted = await clusterIdOf(logDir);
  const clusterId = formatted ?? newClusterId();
  const engine = await startEngine(folder, {
    name: 'kafka',
    prepare: async () => {
      const listeners = [`PLAINTEXT://${brokers}`, ...(secured === undefined ? [] : [`SASL_SSL://${securedBrokers}`])];
      const more = secured === undefined ? {} : await securedProperties(folder.path, secured);
      await writeFile(properties, await serverProperties(listeners, logDir, { ...more, ...options.properties }));
      if (formatted === undefined) await format(lib, properties, clusterId, secured);
    },
    command: ['java', '-Xmx512m', ...java, '-cp', lib, 'kafka.Kafka', properties],
    answers: () => takesRecords(brokers, clusterId),
  });
  return Object.assign(engine, { brokers, securedBrokers });
}

async function serverProperties(
  listeners: readonly string[],
  logDir: string,
  more: Readonly<Record<string, string>>,
): Promise<string> {
  const controller = `127.0.0.1:${await freePort()}`;
  const properties = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@${controller}`,
    listeners: [...listeners, `CONTROLLER://${controller}`].join(),
    'advertised.listeners': listeners.join(),
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': logDir,
    'auto.create.topics.enable': 'false',
    // Of one broker there is one replica; and few partitions, which are made when the first group asks and opened again at each start.
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '5',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '5',
    // A broker that was killed is taken back when its session has run out, after 9 s otherwise.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
    // A first member need not wait 3 s for others.
    'group.initial.rebalance.delay.ms': '0',
    ...more,
  };
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

async function securedProperties(folder: string, { certificate, username, password }: Secured) {
  const keyStore = join(folder, 'broker.pem');
  await writeFile(keyStore, certificate.key + certificate.cert);
  const modules = 'org.apache.kafka.common.security';
  return {
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': keyStore,
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-512',
    'listener.name.sasl_ssl.plain.sasl.jaas.config': `${modules}.plain.PlainLoginModule required user_${username}="${password}";`,
    'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config': `${modules}.scram.ScramLoginModule required;`,
  };
}

async function clusterIdOf(logDir: string): Promise<string | undefined> {
  const meta = await readFile(join(logDir, 'meta.properties'), 'utf8').catch(() => '');
  return /^cluster\.id=(.+)$/m.exec(meta)?.[1];
}

/** Does not begin with a dash, which would be taken for an option. */
function newClusterId(): string {
  return `P${randomBytes(16).toString('base64url').slice(1)}`;
}

async function format(lib: string, properties: string, clusterId: string, secured: Secured | undefined): Promise<void> {
  const args = ['-cp', lib, 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', properties];
  // Of PLAIN the broker's settings name the user; SCRAM's are kept by the cluster.
  const user = secured && `SCRAM-SHA-512=[name=${secured.username},password=${secured.password}]`;
  await promisify(execFile)('java', [...java, ...args, ...(user === undefined ? [] : ['--add-scram', user])]);
}

/** It does when its broker is one of its cluster; a cluster of another id is another process's, on this port by chance. */
async function takesRecords(brokers: string, clusterId: string): Promise<void> {
  const kafka = new Kafka({
    brokers: [brokers],
    logLevel: logLevel.NOTHING,
    connectionTimeout: answerTimeoutMs,
    requestTimeout: answerTimeoutMs,
    retry: { retries: 0 },
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    const cluster = await admin.describeCluster();
    if (cluster.clusterId !== clusterId) throw new Error(`${brokers} is the cluster ${cluster.clusterId}`);
    if (cluster.brokers.length === 0) throw new Error('the broker has not joined its cluster yet');
  } finally {
    await admin.disconnect();
  }
}
