import { openKafkaLog } from '../adapters/kafka/event-log/kafka-log.ts';
import type { EventLog } from '../ports/event-log.ts';
import { type KafkaEngine, type KafkaOptions, startKafka } from './engines/kafka.ts';
import { type MongoEngine, startMongo } from './engines/mongo.ts';
import { type NatsEngine, startNats } from './engines/nats.ts';
import { type S3Engine, startS3 } from './engines/s3.ts';
import { type Entry, entriesFrom } from './log-oracle.ts';
import { type ParleyServer, startServer } from './server.ts';

/** The engines of the distributed profile, each a real one. */
export interface Engines extends AsyncDisposable {
  readonly kafka: KafkaEngine;
  readonly mongo: MongoEngine;
  readonly nats: NatsEngine;
  readonly s3: S3Engine;
  /** What a process is configured by to use them. */
  readonly env: Readonly<Record<string, string>>;
}

/** Starts all four. */
export async function startEngines(ofKafka: KafkaOptions = {}): Promise<Engines> {
  await using started = new AsyncDisposableStack();
  const [kafka, mongo, nats, s3] = await Promise.all([startKafka(ofKafka), startMongo(), startNats(), startS3()]);
  for (const engine of [kafka, mongo, nats, s3]) started.use(engine);
  const resources = started.move();
  return {
    kafka,
    mongo,
    nats,
    s3,
    env: {
      PARLEY_PROFILE: 'distributed',
      PARLEY_KAFKA_BROKERS: kafka.brokers,
      PARLEY_KAFKA_REPLICATION_FACTOR: '1',
      PARLEY_MONGODB_URI: mongo.uri,
      PARLEY_NATS_SERVERS: nats.servers,
      PARLEY_S3_ENDPOINT: s3.endpoint,
      PARLEY_S3_ACCESS_KEY_ID: s3.accessKeyId,
      PARLEY_S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** How many processes of each role, and what they are set to beside the engines. */
export interface ClusterOptions {
  readonly gateways?: number;
  readonly workers?: number;
  readonly projectors?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** As startServer's. */
  readonly root?: string;
}

export type ClusterRole = 'gateway' | 'worker' | 'projector';

const conversations = 'parley.conversations';
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** One process of a cluster; `server` is another after each restart. */
export interface Member {
  readonly name: string;
  readonly role: ClusterRole;
  server: ParleyServer;
}

/** A deployment: engines, gateways, workers and projectors, each a process of its own that can be killed and frozen. */
export class Cluster implements AsyncDisposable {
  readonly engines: Engines;
  readonly members: readonly Member[];
  readonly env: Readonly<Record<string, string>>;

  readonly #resources: AsyncDisposableStack;
  readonly #entries: Entry[][] = [];
  #log: EventLog | undefined;
  #reading: Promise<unknown> = Promise.resolve();

  private constructor(
    { engines, members, env }: Pick<Cluster, 'engines' | 'members' | 'env'>,
    resources: AsyncDisposableStack,
  ) {
    this.engines = engines;
    this.members = members;
    this.env = env;
    this.#resources = resources;
  }

  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const { gateways = 2, workers = 2, projectors = 1, env = {}, root } = options;
    await using started = new AsyncDisposableStack();
    const engines = started.use(await startEngines());
    const settings = { ...engines.env, ...env };
    const roles: readonly (readonly [ClusterRole, number])[] = [
      ['projector', projectors],
      ['worker', workers],
      ['gateway', gateways],
    ];
    const names = roles.flatMap(([role, count]) =>
      Array.from({ length: count }, (_, index) => ({ role, name: `${role}-${index}` })),
    );
    // All at once, as they would be started together by whatever runs them.
    const starting = await Promise.allSettled(
      names.map(async ({ role, name }): Promise<Member> => {
        const ownEnv = { ...settings, PARLEY_ROLES: role, PARLEY_INSTANCE_ID: name };
        const server = await startServer({ env: ownEnv, ...(root !== undefined && { root }) });
        const member = { name, role, server };
        started.defer(() => member.server[Symbol.asyncDispose]());
        return member;
      }),
    );
    const members = starting.map((start) => {
      if (start.status === 'rejected') throw start.reason;
      return start.value;
    });
    return new Cluster({ engines, members, env: settings }, started.move());
  }

  /** Those of one role. */
  of(role: ClusterRole): readonly Member[] {
    return this.members.filter((member) => member.role === role);
  }

  /** The one of this name. Throws when there is none. */
  member(name: string): Member {
    const member = this.members.find((candidate) => candidate.name === name);
    if (member === undefined) throw new Error(`there is no ${name}`);
    return member;
  }

  /** Every event of the conversations topic, partition by partition, read from Kafka. Rejects with LogUnavailable. */
  entries(): Promise<readonly Entry[][]> {
    const read = this.#reading.catch(() => undefined).then(() => this.#readOn());
    this.#reading = read;
    return read;
  }

  /** Only what is new is read: the tests ask often. */
  async #readOn(): Promise<readonly Entry[][]> {
    const { PARLEY_PARTITIONS: partitions = '10' } = this.env;
    this.#log ??= this.#resources.use(
      await openKafkaLog({
        config: { brokers: [this.engines.kafka.brokers], tls: false, sasl: undefined, clientId: 'oracle' },
        topics: { [conversations]: Number(partitions) },
        erasable: { topics: [conversations], keysTopic: 'parley.keys' },
        logger: silent,
        mode: 'read',
      }),
    );
    for (let partition = 0; partition < Number(partitions); partition += 1) {
      const known = this.#entries[partition] ?? [];
      this.#entries[partition] = known;
      known.push(...(await entriesFrom(this.#log, conversations, partition, (known.at(-1)?.offset ?? -1) + 1)));
    }
    return this.#entries;
  }

  /** An address to connect to: of each gateway in turn. */
  readonly nextAddress = (() => {
    let turn = 0;
    return (): string => {
      const gateways = this.of('gateway');
      turn += 1;
      return gateways[turn % gateways.length]?.server.address ?? '';
    };
  })();

  /** Kills the process with -9 and starts it again, under its name and on its ports. */
  async restart(member: Member): Promise<void> {
    member.server = await member.server.restart();
  }

  /** Drains the process and starts the release of that checkout in its place. Rejects when it does not end in order. */
  async replace(member: Member, root: string): Promise<void> {
    const { code, signal } = await member.server.stop('SIGTERM');
    if (code !== 0) throw new Error(`${member.name} ended with ${code ?? signal}:\n${member.server.stderr()}`);
    member.server = await member.server.restart({}, root);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }
}
