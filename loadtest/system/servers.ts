import { join } from 'node:path';
import { type Engines, startEngines } from '../../src/testing/cluster.ts';
import { freePort } from '../../src/testing/engines/free-port.ts';
import type { ParleyServer } from '../../src/testing/server.ts';
import type { Profile, Settings } from '../scenarios/scenario.ts';
import {
  cpuSeconds,
  type Pids,
  type ProcessesFigures,
  processesOf,
  type Watched,
  watchProcesses,
} from './process-figures.ts';
import { startEnvoyBefore, startParley } from './processes.ts';

/** In this order: the topics are made by the first, and clients are let in when all are there. */
const roles = ['projector', 'worker', 'gateway'] as const;

/** One process of Parley, which may be killed and come back under the same address. */
export class Member implements Watched, AsyncDisposable {
  readonly name: string;
  #server: ParleyServer;
  #cpuSecondsOfDead = 0;

  constructor(name: string, server: ParleyServer) {
    this.name = name;
    this.#server = server;
  }

  /** '' when it takes no clients. */
  get address(): string {
    return this.#server.address;
  }

  get httpAddress(): string {
    return this.#server.httpAddress;
  }

  get pid(): number {
    return this.#server.pid;
  }

  /** Of it and of those before it that were killed. */
  get cpuSeconds(): number {
    return this.#cpuSecondsOfDead + cpuSeconds(this.pid);
  }

  /** Resolves when it listens again, where it did. */
  async killAndRestart(): Promise<void> {
    this.#cpuSecondsOfDead = this.cpuSeconds;
    this.#server = await this.#server.restart();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server[Symbol.asyncDispose]();
  }
}

/** What a load is put on. */
export interface Servers extends AsyncDisposable {
  readonly members: readonly Member[];
  /** The one that clients connect to. */
  readonly gateway: Member;
  /** Where gRPC-Web is served: by itself, or by Envoy before it. */
  readonly webAddress: string;
  /** Of a command on the same log. */
  readonly settings: Settings;
  /** On which the gateway opens its inspector when it is told to. */
  readonly inspectorPort: number;
  /** Of all processes now, the engines' too. */
  readonly pids: Pids;
  /** Notes what all processes, the engines' too, have used so far; the function that it returns tells what they used since, for so many thousands. */
  watch(): (thousands: number) => ProcessesFigures;
}

export interface ServersOptions {
  readonly profile: Profile;
  readonly settings: Settings;
  readonly needsWeb?: boolean;
  /** Empty. */
  readonly dataDir: string;
  /** Of the distributed profile: those that run already, which are not stopped. Default: its own. */
  readonly engines?: Engines;
  /** Of all that the servers keep on the engines; no other servers on them may have the same. */
  readonly prefix?: string;
}

/** Starts what the profile consists of; a first start of the distributed one installs its engines. */
export async function startServers(options: ServersOptions): Promise<Servers> {
  const { profile, settings, needsWeb = false, dataDir, prefix = 'load' } = options;
  await using stack = new AsyncDisposableStack();
  const inspectorPort = await freePort();
  const ofGateway = {
    ...settings,
    NODE_OPTIONS: `--inspect-port=127.0.0.1:${inspectorPort} --inspect-publish-uid=http`,
  };
  const members: Member[] = [];
  const start = async (name: string, own: Settings) =>
    members.push(stack.use(new Member(name, await startParley(own))));
  let { engines } = options;
  let shared: Settings = { PARLEY_DATA_DIR: join(dataDir, 'parley') };
  if (profile === 'embedded') {
    await start('server', { ...ofGateway, ...shared });
  } else {
    engines ??= stack.use(await startEngines());
    shared = { ...engines.env, PARLEY_PREFIX: prefix };
    for (const role of roles)
      await start(role, {
        ...(role === 'gateway' ? ofGateway : settings),
        ...shared,
        PARLEY_ROLES: role,
        PARLEY_INSTANCE_ID: role,
      });
  }
  const gateway = members.at(-1);
  if (gateway === undefined) throw new Error('nothing was started');
  const envoy = needsWeb && profile === 'distributed' ? stack.use(await startEnvoyBefore(gateway)) : undefined;
  const ofEngines = engines === undefined ? {} : enginePids(engines);
  const resources = stack.move();
  return {
    members,
    gateway,
    webAddress: envoy?.address ?? gateway.httpAddress,
    settings: shared,
    inspectorPort,
    get pids() {
      return { ...Object.fromEntries(members.map(({ name, pid }) => [name, pid])), ...ofEngines };
    },
    watch: () =>
      watchProcesses({
        ...Object.fromEntries(members.map((member) => [member.name, member])),
        ...processesOf(ofEngines),
      }),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

function enginePids({ kafka, mongo, nats, s3 }: Engines): Pids {
  return { kafka: kafka.pid, mongodb: mongo.pid, nats: nats.pid, s3: s3.pid };
}
