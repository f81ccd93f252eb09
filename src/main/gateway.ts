import { fileTypeInspector } from '../adapters/file-type/file-type-inspector.ts';
import { systemClock } from '../adapters/node/system-clock.ts';
import type { PrometheusMetrics } from '../adapters/prometheus/prometheus-metrics.ts';
import type { Accounts } from '../app/accounts/accounts.ts';
import type { Following } from '../app/following/following.ts';
import type { Admission } from '../app/gateway/admission.ts';
import type { Readiness } from '../app/gateway/readiness.ts';
import type { Operations } from '../app/reading/operations.ts';
import { SecurityEvents } from '../app/security/security-events.ts';
import type { SecurityRecorder } from '../app/security/security-recorder.ts';
import type { SpendingBook } from '../app/spending/spending-book.ts';
import type { AuthConfig, Config } from '../config/config.ts';
import type { SecurityLog } from '../ports/security-log.ts';
import type { Logger } from '../ports/telemetry.ts';
import type { Tracer } from '../ports/tracing.ts';
import { createRpcServer, type RpcServer, type RpcServerDeps } from '../rpc/server.ts';
import type { Backends } from './backends.ts';
import { gatewayParts, newFollowing, openAdmission, welcomeFacts } from './composition.ts';
import { systemWorld } from './system-world.ts';

/** The gateway of this process: sessions and the gRPC server that carries them. Disposed: sessions are ended, and its lease is given back. */
export interface RunningGateway extends AsyncDisposable {
  readonly rpc: RpcServer;
  readonly following: Following;
  /** Whether it can open sessions now. */
  readiness(): Promise<Readiness>;
  /**
   * Announces the gateway in the log and begins to look after sessions: from now on health tells whether it takes clients. Only once its ports are open:
   * it ends the sessions that a process of this id held before. Rejects with LogUnavailable or InstanceIdTaken.
   */
  start(): Promise<void>;
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
  readonly security: SecurityRecorder;
  readonly securityLog: SecurityLog;
  readonly spendingBook: SpendingBook;
}

/** A gateway that answers calls, and takes no sessions before it is started; its gRPC server does not listen yet. */
export async function openGateway(options: GatewayOptions): Promise<RunningGateway> {
  const { config, backends, logger, metrics, tracer, calls, accounts, onFault, security, securityLog, spendingBook } =
    options;
  await using started = new AsyncDisposableStack();
  const parts = { config, backends, world: systemWorld(logger, tracer) };
  const admission = await openAdmission({ ...parts, onFault });
  started.defer(() => admission.stop());
  const following = newFollowing({ ...parts, random: Math.random, onFault });
  started.defer(() => following.stop());
  const uses = gatewayParts({
    ...parts,
    admission,
    following,
    spendingBook,
    metrics,
    inspector: fileTypeInspector,
    security,
  });
  const { gateway, operations } = uses;
  started.defer(() => gateway.stop('DRAINING'));
  observe(metrics, operations, config);
  metrics.roles.gateway({ sessions: () => gateway.census(), suspended: () => admission.suspended });
  const rpc = createRpcServer({
    ...uses,
    metrics,
    tracer,
    calls,
    accounts,
    securityEvents: new SecurityEvents(securityLog),
    signInMethod: signInMethodOf(config.auth),
    reflection: config.reflection,
    facts: welcomeFacts(config),
    gatewayId: backends.instanceId,
    gatewayStart: new Date(systemClock.nowMs()),
    counts: () => metrics.counts(),
    clock: systemClock,
  });
  const health = new HealthKeeper(rpc, admission);
  started.defer(() => health.stop());
  const resources = started.move();
  return {
    rpc,
    following,
    readiness: () => uses.readiness.look(),
    async start() {
      following.start();
      await admission.start();
      gateway.start();
      health.start();
    },
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
