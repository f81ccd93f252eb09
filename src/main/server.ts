import { ServerCredentials } from '@grpc/grpc-js';
import { nodeCryptoIds } from '../adapters/node/node-crypto-ids.ts';
import { systemClock } from '../adapters/node/system-clock.ts';
import { openTracing } from '../adapters/opentelemetry/open-tracing.ts';
import { type PrometheusMetrics, prometheusMetrics } from '../adapters/prometheus/prometheus-metrics.ts';
import type { Readiness } from '../app/gateway/readiness.ts';
import { SecurityRecorder } from '../app/security/security-recorder.ts';
import type { Config } from '../config/config.ts';
import type { Role } from '../config/setting.ts';
import type { CallMetrics, ConnectionMetrics, Logger } from '../ports/telemetry.ts';
import { apiPage } from '../rpc/api-page.ts';
import type { Calls } from '../rpc/calls.ts';
import { ErrorMapping } from '../rpc/errors.ts';
import { AddressRanges, CallAddresses } from '../rpc/peer-address.ts';
import { RefusedCallers } from '../rpc/refused-callers.ts';
import type { RpcServer } from '../rpc/server.ts';
import { openAuthentication } from './authentication.ts';
import type { Backends } from './backends.ts';
import type { BackendsOptions } from './backends-options.ts';
import { openBrowserDoor } from './browser-door.ts';
import { CertificateFiles } from './certificate-files.ts';
import { newSpendingBook, startUpkeep } from './composition.ts';
import { ConnectionGate } from './connection-gate.ts';
import { openGateway, type RunningGateway } from './gateway.ts';
import { createHttpDoor } from './http-door.ts';
import { type GrpcPort, lastWordsMs, listenGrpc, listenHttp } from './listening.ts';
import { release } from './release.ts';
import { systemWorld } from './system-world.ts';
import { providerOf, startWorkers } from './workers.ts';

/** A server that does what its roles say. */
export interface RunningServer {
  /** Host and port; undefined without the role of a gateway. */
  readonly grpcAddress: string | undefined;
  readonly httpAddress: string;
  /** Drains and stops: sessions are told, calls under way finish or are left to others or the next start. */
  stop(): Promise<void>;
}

type State = 'starting' | 'running' | 'draining';

export interface ServerOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** Something that the promises rest on is gone: going on would be worse than a restart. */
  readonly onFault: (error: unknown) => void;
}

/** Starts the server of the configured profile. Rejects with what keeps its backends from opening, CannotListen or InstanceIdTaken. */
export async function startServer({ config, logger, onFault }: ServerOptions): Promise<RunningServer> {
  await using started = new AsyncDisposableStack();
  const has = (role: Role) => config.roles.includes(role);
  const certificates = config.tls && started.use(await CertificateFiles.open(config.tls, logger));
  const metrics = serverMetrics(config, certificates);
  const instanceId = config.distributed?.instanceId || nodeCryptoIds.unique();
  const { tracer } = started.use(await openServerTracing(config, instanceId, logger));
  let httpAddress = '';
  const backends = started.use(
    await openBackends({ config, logger, metrics, instanceId, tracer, onFault, httpAddress: () => httpAddress }),
  );
  const world = systemWorld(logger, tracer);
  const securityLog = started.use(await backends.openSecurityLog());
  const security = new SecurityRecorder({ log: securityLog, clock: systemClock, logger, metrics });
  const { authenticator, accounts } = started.use(await openAuthentication(config, backends, logger, security));
  const parts = { config, backends, logger, metrics, onFault };
  const doorKey = nodeCryptoIds.unique();
  const addresses = new CallAddresses({ ...config, trusted: new AddressRanges(config.trustedProxies), doorKey });
  const calls = { ...refusals(logger, metrics), authenticator, addresses };
  const provider = providerOf(config.provider);
  const spendingBook = started.use(newSpendingBook({ ...parts, world, provider }));
  const gateway = has('gateway')
    ? started.use(await openGateway({ ...parts, tracer, calls, accounts, security, securityLog, spendingBook }))
    : undefined;
  let state: State = 'starting';
  const door = createHttpDoor({
    ...(await openBrowserDoor({
      config,
      doorKey,
      errors: calls.errors,
      rpc: gateway?.rpc,
      httpAddress: () => httpAddress,
    })),
    metrics: () => metrics.expose(),
    readiness: () => readinessOf(state, gateway),
    media: backends.mediaHandler,
    apiPage: config.reflection ? () => apiPage(grpc?.address) : undefined,
    onError: (error, what) => logger.error({ err: error }, what),
    certificates,
    hstsSubdomains: config.tls?.hstsSubdomains ?? false,
    gate: connectionGate(config, addresses, metrics),
    maxStreamsPerConnection: config.connections.maxStreams,
  });
  // After the gRPC server: the last words of browsers' calls come from there.
  started.defer(() => door.end(lastWordsMs));
  const grpc = gateway && started.use(await openGrpcPort(gateway.rpc, { config, addresses, certificates, metrics }));
  httpAddress = await listenHttp(door.server, config.httpListen);
  // A process that cannot listen, or whose instance id is another's, has ended nobody's session and taken no worker's partition by now.
  if (has('gateway') || has('worker')) await spendingBook.start();
  await gateway?.start();
  if (has('projector')) started.use(startUpkeep({ config, backends, world, metrics }));
  const workers = has('worker')
    ? startWorkers({ config, backends, world, metrics, onFault, spendingBook, provider, following: gateway?.following })
    : undefined;
  if (workers) metrics.roles.worker({ usage: () => workers.usage(), nowMs: () => systemClock.nowMs() });
  started.defer(() => workers?.drain(0));
  state = 'running';
  const resources = started.move();
  return {
    grpcAddress: grpc?.address,
    httpAddress,
    async stop() {
      state = 'draining';
      await gateway?.drain(systemClock.nowMs() + config.drainTimeoutMs);
      await workers?.drain(config.drainTimeoutMs);
      await gateway?.stop();
      await resources.disposeAsync();
    },
  };
}

async function readinessOf(state: State, gateway: RunningGateway | undefined): Promise<Readiness> {
  if (state !== 'running') return { isReady: false, text: `not ready: ${state}` };
  return gateway?.readiness() ?? { isReady: true, text: 'ready' };
}

function serverMetrics({ roles }: Config, certificates: CertificateFiles | undefined): PrometheusMetrics {
  const metrics = prometheusMetrics(roles, release);
  metrics.roles.certificate(() => certificates?.expiresMs);
  return metrics;
}

function refusals(logger: Logger, metrics: PrometheusMetrics): Pick<Calls, 'errors' | 'refusedCallers'> {
  const errors = new ErrorMapping(logger, metrics, nodeCryptoIds);
  return { errors, refusedCallers: new RefusedCallers({ errors, clock: systemClock, ids: nodeCryptoIds }) };
}

interface PortParts {
  readonly config: Config;
  readonly addresses: CallAddresses;
  readonly certificates: CertificateFiles | undefined;
  readonly metrics: ConnectionMetrics & CallMetrics;
}

function openGrpcPort(rpc: RpcServer, { config, addresses, certificates, metrics }: PortParts): Promise<GrpcPort> {
  return listenGrpc(rpc, config.grpcListen, {
    credentials: certificates?.grpcCredentials() ?? ServerCredentials.createInsecure(),
    gate: connectionGate(config, addresses, metrics),
    maxStreamsPerConnection: config.connections.maxStreams,
    metrics,
  });
}

/** For one port: each has its own, so that a crowd before one keeps nobody from the other. */
function connectionGate({ connections }: Config, addresses: CallAddresses, metrics: ConnectionMetrics): ConnectionGate {
  return new ConnectionGate({
    maxConnections: connections.max,
    maxConnectionsPerAddress: connections.maxPerAddress,
    addresses,
    idleMs: connections.idleMs,
    clock: systemClock,
    metrics,
  });
}

/** What each span of this process says of it. */
function openServerTracing(config: Config, instanceId: string, logger: Logger) {
  return openTracing(config.tracing, {
    roles: config.roles,
    instanceId,
    prefix: config.prefix,
    log: config.profile === 'distributed' ? 'kafka' : 'sqlite',
    provider: config.provider.kind,
    clock: systemClock,
    logger,
  });
}

/** Each profile is loaded when it is used: the embedded one needs no client of any engine. */
async function openBackends(options: BackendsOptions): Promise<Backends> {
  switch (options.config.profile) {
    case 'embedded':
      return (await import('./embedded-backends.ts')).openEmbedded(options);
    case 'distributed':
      return (await import('./distributed-backends.ts')).openDistributed(options);
    default:
      return options.config.profile satisfies never;
  }
}
