import { systemClock } from '../adapters/clock/system/system-clock.ts';
import { nodeCryptoIds } from '../adapters/ids/node-crypto/node-crypto-ids.ts';
import { fileTypeInspector } from '../adapters/media-inspector/file-type/file-type-inspector.ts';
import type { PrometheusMetrics } from '../adapters/telemetry/prometheus/prometheus-metrics.ts';
import type { Accounts } from '../app/accounts/accounts.ts';
import { Acceptance } from '../app/gateway/acceptance.ts';
import { Admission } from '../app/gateway/admission.ts';
import { Conversations } from '../app/gateway/conversations.ts';
import { Gateway } from '../app/gateway/gateway.ts';
import { ConversationsManager } from '../app/managing/conversations-manager.ts';
import { Explanation } from '../app/managing/explanation.ts';
import { Parked } from '../app/managing/parked.ts';
import { MediaLibrary } from '../app/media/media-library.ts';
import { mediaLinks } from '../app/media/media-links.ts';
import { HistoryReads } from '../app/reading/history-reads.ts';
import { Operations } from '../app/reading/operations.ts';
import type { AuthConfig, Config } from '../config/config.ts';
import { initialAdmission } from '../domain/admission/state.ts';
import { gatewayLeaseMs, maxFrameBytes } from '../domain/limits.ts';
import { ReadModelUnavailable } from '../ports/read-model.ts';
import type { Logger } from '../ports/telemetry.ts';
import type { Tracer } from '../ports/tracing.ts';
import { CallAddresses } from '../rpc/peer-address.ts';
import { createRpcServer, type RpcServer, type RpcServerDeps } from '../rpc/server.ts';
import { durationOf } from '../rpc/wire-values.ts';
import type { Backends } from './backends.ts';

/** The gateway of this process: sessions and the gRPC server that carries them. Disposed: sessions are ended, and its lease is given back. */
export interface RunningGateway extends AsyncDisposable {
  readonly rpc: RpcServer;
  /** Its lease may have run out: nothing is taken or delivered. */
  readonly suspended: boolean;
  /** Its port is open: from now on health tells whether it takes clients. */
  listening(): void;
  /** Tells every session that the server leaves at this time (epoch) at the latest; no new ones are opened. */
  drain(deadlineMs: number): Promise<void>;
  /** Ends every session. */
  stop(): Promise<void>;
}

export interface GatewayOptions {
  readonly config: Config;
  readonly backends: Backends;
  readonly logger: Logger;
  readonly metrics: PrometheusMetrics;
  /** undefined: nothing is traced. */
  readonly tracer: Tracer | undefined;
  readonly onFault: (error: unknown) => void;
  readonly calls: RpcServerDeps['calls'];
  readonly accounts: Accounts | undefined;
  /** What the door for browsers proves itself by to the gRPC server. */
  readonly doorKey: string;
}

/** Announces the gateway in the log and begins to look after sessions; its gRPC server does not listen yet. Rejects with LogUnavailable. */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const { config, backends, metrics, tracer, calls, accounts, doorKey } = options;
  await using started = new AsyncDisposableStack();
  const admission = await startAdmission(options);
  started.defer(() => admission.stop());
  const media = mediaUses(options);
  const gateway = newGateway(options, admission, media);
  gateway.start();
  started.defer(() => gateway.stop('DRAINING'));
  const operations = new Operations({ ...config.limits, ...backends, admission, clock: systemClock });
  observe(metrics, operations, config);
  metrics.roles.gateway({ sessions: () => gateway.census(), suspended: () => admission.suspended });
  const rpc = createRpcServer({
    gateway,
    metrics,
    tracer,
    calls,
    accounts,
    addresses: new CallAddresses(config.trustedProxies, doorKey),
    signInMethod: signInMethodOf(config.auth),
    facts: welcomeFacts(config),
    clock: systemClock,
    operations,
    library: media.library,
    ...historyUses(options, media),
  });
  const health = new HealthKeeper(rpc, admission);
  started.defer(() => health.stop());
  const resources = started.move();
  return {
    rpc,
    get suspended() {
      return admission.suspended;
    },
    listening: () => health.start(),
    async drain(deadlineMs) {
      await health.stop();
      gateway.drain(deadlineMs);
    },
    stop: () => gateway.stop('DRAINING'),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** How soon callers are sent elsewhere when the gateway suspends its sessions, and back. */
const healthPollMs = 500;

/** Keeps grpc.health.v1: not serving while the lease may have run out, so that new calls go to another gateway. */
class HealthKeeper {
  readonly #rpc: RpcServer;
  readonly #admission: Admission;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(rpc: RpcServer, admission: Admission) {
    this.#rpc = rpc;
    this.#admission = admission;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Not serving from now on. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    this.#rpc.setServing(false);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    for (let isServing = false; !signal.aborted; ) {
      const takesClients = !this.#admission.suspended;
      if (takesClients !== isServing) this.#rpc.setServing(takesClients);
      isServing = takesClients;
      await systemClock.sleep(healthPollMs, signal).catch(() => undefined);
    }
  }
}

async function startAdmission({ config, backends, logger, onFault }: GatewayOptions): Promise<Admission> {
  const { maxClients, maxWaitingClients, firstMessageDeadlineMs } = config.limits;
  const admission = new Admission({
    journal: backends.journal,
    clock: systemClock,
    logger,
    gatewayId: backends.instanceId,
    limits: { maxClients, maxWaitingClients, gatewayLeaseMs, firstMessageDeadlineMs },
    snapshot: await snapshotOf(backends, logger),
    onFault,
  });
  await admission.start();
  return admission;
}

/** Where the fold of admission begins. Without the read models it begins at the first event, which takes longer and ends the same. */
async function snapshotOf({ connections }: Backends, logger: Logger) {
  const beginning = { state: initialAdmission, offset: 0 };
  try {
    const snapshot = await connections.snapshot();
    return snapshot === null ? beginning : { state: snapshot.state, offset: snapshot.nextOffset };
  } catch (error) {
    if (!(error instanceof ReadModelUnavailable)) throw error;
    logger.warn({ err: error }, 'no snapshot of admission can be read; folding the whole topic');
    return beginning;
  }
}

/** Media as clients put them in, name them and get them out. */
function mediaUses({ config, backends, logger }: GatewayOptions) {
  const { media: settings, limits } = config;
  const common = { store: backends.media, clock: systemClock };
  return {
    library: new MediaLibrary({
      ...common,
      references: backends.history,
      ids: nodeCryptoIds,
      inspector: fileTypeInspector,
      settings: { ...settings, maxMediaBytes: limits.maxMediaBytes },
    }),
    links: mediaLinks({ ...common, logger, urlLifetimeMs: settings.urlLifetimeMs }),
  };
}

type MediaUses = ReturnType<typeof mediaUses>;

/** What history and operations services do, apart from looking at connections. */
function historyUses({ config: { limits }, backends }: GatewayOptions, { links }: MediaUses) {
  const conversations = new Conversations({ ...backends, ids: nodeCryptoIds });
  return {
    reads: new HistoryReads({ ...backends, conversations, ids: nodeCryptoIds, links }),
    manager: new ConversationsManager({ ...backends, conversations }),
    explanation: new Explanation({ ...backends, ...limits, conversations, clock: systemClock }),
    parked: new Parked({ ...backends, conversations, ids: nodeCryptoIds }),
  };
}

function newGateway(
  { config, backends, logger, metrics, tracer }: GatewayOptions,
  admission: Admission,
  { library, links }: MediaUses,
): Gateway {
  return new Gateway({
    admission,
    logger,
    metrics,
    tracer,
    links,
    history: backends.history,
    bus: backends.bus,
    media: library,
    clock: systemClock,
    ids: nodeCryptoIds,
    acceptance: new Acceptance({ ...backends, ids: nodeCryptoIds }),
    conversations: new Conversations({ ...backends, ids: nodeCryptoIds }),
    settings: config.limits,
    helloRules: { allowedTimeZones: config.allowedTimeZones, isTimeZone: timeZones() },
  });
}

/** Names of time zones that are remembered: there are some 600, and each may be written in capitals or not. */
const maxKnownTimeZones = 1_000;

/** Whether this platform's time zone data have a name. Looking takes 0.1 ms, 0.3 under load, so what is found is remembered. */
function timeZones(): (name: string) => boolean {
  const known = new Set<string>();
  return (name) => {
    if (known.has(name)) return true;
    try {
      new Intl.DateTimeFormat('en', { timeZone: name });
    } catch (error) {
      if (error instanceof RangeError) return false;
      throw error;
    }
    if (known.size < maxKnownTimeZones) known.add(name);
    return true;
  };
}

/** What anybody may know of how people sign in. */
function signInMethodOf(auth: AuthConfig): RpcServerDeps['signInMethod'] {
  switch (auth.kind) {
    case 'none':
      return { $case: 'none', value: {} };
    case 'accounts':
      return { $case: 'accounts', value: { signUpOpen: auth.signUpOpen } };
    case 'oidc': {
      const { issuer, webClientId, webScopes, audience } = auth;
      return { $case: 'oidc', value: { issuer, webClientId, scopes: [...webScopes], audience } };
    }
    default:
      return auth satisfies never;
  }
}

function welcomeFacts({ limits }: Config) {
  return {
    heartbeatInterval: durationOf(limits.heartbeatIntervalMs),
    firstMessageDeadline: durationOf(limits.firstMessageDeadlineMs),
    limits: {
      maxClients: limits.maxClients,
      maxProcessing: limits.maxProcessing,
      maxTextBytes: limits.maxTextBytes,
      maxInlineBytes: limits.maxInlineBytes,
      maxMediaBytes: BigInt(limits.maxMediaBytes),
      maxFrameBytes,
    },
  };
}

function observe(metrics: PrometheusMetrics, operations: Operations, { limits }: Config): void {
  metrics.observe({
    async caps() {
      const usage = await operations.usage();
      return {
        clients: { inUse: usage.activeClients, limit: usage.maxClients },
        waiting_clients: { inUse: usage.waitingClients, limit: limits.maxWaitingClients },
        processing: { inUse: usage.processing, limit: usage.maxProcessing },
      };
    },
    async queue() {
      const usage = await operations.usage();
      return { queued: usage.queued, oldestMs: usage.oldestQueuedMs };
    },
  });
}
