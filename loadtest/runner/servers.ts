import { join } from 'node:path';
import type { Profile, Settings } from '../scenarios/scenario.ts';
import { roles, settingsOf } from '../system/deployment.ts';
import { type Engines, freePort, startEngines } from '../system/engines.ts';
import {
  cpuSeconds,
  type ProcessesFigures,
  processesOf,
  type Watched,
  watchProcesses,
} from '../system/process-figures.ts';
import { type Started, startEnvoy, startParley } from '../system/processes.ts';

const prefix = 'load';

/** One process of Parley, which may be killed and come back under the same address. */
export class Member implements Watched {
  readonly name: string;
  readonly #settings: Settings;
  #running: Started;
  #cpuSecondsOfDead = 0;

  private constructor(name: string, settings: Settings, running: Started) {
    this.name = name;
    this.#settings = settings;
    this.#running = running;
  }

  static async start(name: string, settings: Settings): Promise<Member> {
    return new Member(name, settings, await startParley(settings));
  }

  get address(): string {
    return this.#running.address;
  }

  get httpAddress(): string {
    return this.#running.httpAddress;
  }

  get pid(): number {
    return this.#running.pid;
  }

  /** Of it and of those before it that were killed. */
  get cpuSeconds(): number {
    return this.#cpuSecondsOfDead + cpuSeconds(this.pid);
  }

  /** Resolves when it listens again, where it did. */
  async killAndRestart(): Promise<void> {
    const { address, httpAddress, pid } = this.#running;
    this.#cpuSecondsOfDead = this.cpuSeconds;
    process.kill(pid, 'SIGKILL');
    await this.#running[Symbol.asyncDispose]();
    const listen: Settings = address === '' ? {} : { PARLEY_GRPC_LISTEN: address };
    this.#running = await startParley({ ...this.#settings, ...listen, PARLEY_HTTP_LISTEN: httpAddress });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running[Symbol.asyncDispose]();
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
  /** Notes what all processes, the engines' too, have used so far; the function that it returns tells what they used since, for so many thousands. */
  watch(): (thousands: number) => ProcessesFigures;
}

export interface ServersOptions {
  readonly profile: Profile;
  readonly settings: Settings;
  readonly needsWeb: boolean;
  /** Empty. */
  readonly dataDir: string;
}

/** Starts what the profile consists of; a first start of the distributed one installs its engines. */
export async function startServers({ profile, settings, needsWeb, dataDir }: ServersOptions): Promise<Servers> {
  await using stack = new AsyncDisposableStack();
  const inspectorPort = await freePort();
  const ofGateway = {
    ...settings,
    NODE_OPTIONS: `--inspect-port=127.0.0.1:${inspectorPort} --inspect-publish-uid=http`,
  };
  const members: Member[] = [];
  const start = async (name: string, own: Settings) => members.push(stack.use(await Member.start(name, own)));
  let engines: Engines | undefined;
  let shared: Settings = { PARLEY_DATA_DIR: join(dataDir, 'parley') };
  if (profile === 'embedded') {
    await start('server', { ...ofGateway, ...shared });
  } else {
    engines = stack.use(await startEngines(join(dataDir, 'engines')));
    shared = { ...engines.settings, PARLEY_PREFIX: prefix };
    for (const role of roles)
      await start(role, { ...(role === 'gateway' ? ofGateway : settings), ...settingsOf(role, engines, prefix) });
  }
  const gateway = members.at(-1);
  if (gateway === undefined) throw new Error('nothing was started');
  const envoy = needsWeb && profile === 'distributed' ? stack.use(await startEnvoy(gateway)) : undefined;
  const resources = stack.move();
  return {
    members,
    gateway,
    webAddress: envoy?.address ?? gateway.httpAddress,
    settings: shared,
    inspectorPort,
    watch: () =>
      watchProcesses({
        ...Object.fromEntries(members.map((member) => [member.name, member])),
        ...processesOf(engines?.pids ?? {}),
      }),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
