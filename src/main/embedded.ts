import { ServerCredentials } from '@grpc/grpc-js';
import { systemClock } from '../adapters/clock/system/system-clock.ts';
import { nodeCryptoIds } from '../adapters/ids/node-crypto/node-crypto-ids.ts';
import { inProcessBus } from '../adapters/live-bus/in-process/in-process-bus.ts';
import { type PrometheusMetrics, prometheusMetrics } from '../adapters/telemetry/prometheus/prometheus-metrics.ts';
import { Acceptance } from '../app/gateway/acceptance.ts';
import { Admission } from '../app/gateway/admission.ts';
import { Conversations } from '../app/gateway/conversations.ts';
import { Gateway, type GatewayDeps } from '../app/gateway/gateway.ts';
import { ConversationsManager } from '../app/managing/conversations-manager.ts';
import { Explanation } from '../app/managing/explanation.ts';
import type { MediaLinks } from '../app/media/media-links.ts';
import { HistoryReads } from '../app/reading/history-reads.ts';
import { Operations } from '../app/reading/operations.ts';
import type { Config } from '../config/config.ts';
import { initialAdmission } from '../domain/admission/state.ts';
import { gatewayLeaseMs, maxFrameBytes } from '../domain/limits.ts';
import type { LiveBus } from '../ports/live-bus.ts';
import type { Logger } from '../ports/telemetry.ts';
import { apiPage } from '../rpc/api-page.ts';
import { ErrorMapping } from '../rpc/errors.ts';
import { createRpcServer } from '../rpc/server.ts';
import { durationOf } from '../rpc/wire-values.ts';
import { openAuthentication } from './authentication.ts';
import { CertificateFiles } from './certificate-files.ts';
import { createHttpDoor } from './http-door.ts';
import { endGrpc, listenGrpc, listenHttp } from './listening.ts';
import { type Media, openMedia } from './media.ts';
import { openStorage, type Storage } from './storage.ts';
import { startWorkers } from './workers.ts';

/** A server that takes clients. */
export interface RunningServer {
  /** Host and port. */
  readonly grpcAddress: string;
  readonly httpAddress: string;
  /** Drains and stops: sessions are told, calls under way finish or are left to the next start. */
  stop(): Promise<void>;
}

/** The embedded profile: gateway, workers and projector in one process, on one data folder. */
export async function startEmbedded(
  config: Config,
  logger: Logger,
  onFault: (error: unknown) => void,
): Promise<RunningServer> {
  await using started = new AsyncDisposableStack();
  const certificates = config.tls && started.use(await CertificateFiles.open(config.tls, logger));
  const metrics = prometheusMetrics();
  const storage = started.use(await openStorage({ config, logger, metrics, onFault }));
  const { authenticator, accounts } = started.use(openAuthentication(config, logger));
  const bus = started.use(inProcessBus());
  let httpAddress = '';
  const media = started.use(await openMedia({ config, storage, logger, metrics, httpAddress: () => httpAddress }));
  const workers = startWorkers({ config, bus, logger, metrics, onFault, ...storage, media: media.store });
  started.defer(() => workers.drain(0));
  const admission = await startAdmission(config, storage, logger, onFault);
  started.defer(() => admission.stop());
  const gateway = newGateway(config, { bus, admission, logger, metrics, storage, media });
  gateway.start();
  started.defer(() => gateway.stop('DRAINING'));
  const operations = new Operations({ ...config.limits, views: storage.views, admission, clock: systemClock });
  observe(metrics, operations, config);
  const rpc = createRpcServer({
    gateway,
    metrics,
    calls: { errors: new ErrorMapping(logger, metrics), authenticator },
    accounts,
    facts: welcomeFacts(config),
    operations,
    library: media.library,
    ...historyUses(config, storage, bus, media.links),
  });
  started.defer(() => endGrpc(rpc.server));
  let isReady = true;
  const door = createHttpDoor({
    metrics: () => metrics.expose(),
    isReady: () => isReady && !admission.suspended,
    media: media.store.handler,
    apiPage,
    onError: (error, what) => logger.error({ err: error }, what),
    certificates,
  });
  started.defer(() => {
    door.close();
    door.closeAllConnections();
  });
  const grpcAddress = await listenGrpc(
    rpc.server,
    config.grpcListen,
    certificates?.grpcCredentials() ?? ServerCredentials.createInsecure(),
  );
  httpAddress = await listenHttp(door, config.httpListen);
  rpc.setServing(true);
  const resources = started.move();
  return {
    grpcAddress,
    httpAddress,
    async stop() {
      isReady = false;
      rpc.setServing(false);
      gateway.drain(systemClock.nowMs() + config.drainTimeoutMs);
      await workers.drain(config.drainTimeoutMs);
      await gateway.stop('DRAINING');
      await resources.disposeAsync();
    },
  };
}

async function startAdmission(
  config: Config,
  { journal, connections }: Storage,
  logger: Logger,
  onFault: (error: unknown) => void,
): Promise<Admission> {
  const { maxClients, maxWaitingClients, firstMessageDeadlineMs } = config.limits;
  const snapshot = await connections.snapshot();
  const admission = new Admission({
    journal,
    clock: systemClock,
    logger,
    // The data folder is locked, so there is one gateway on it: under one name, each start ends the sessions of the one before.
    gatewayId: 'embedded',
    limits: { maxClients, maxWaitingClients, gatewayLeaseMs, firstMessageDeadlineMs },
    snapshot:
      snapshot === null
        ? { state: initialAdmission, offset: 0 }
        : { state: snapshot.state, offset: snapshot.nextOffset },
    onFault,
  });
  await admission.start();
  return admission;
}

/** What history and operations services do, apart from looking at connections. */
function historyUses({ limits }: Config, storage: Storage, bus: LiveBus, links: MediaLinks) {
  const conversations = new Conversations({ ...storage, ids: nodeCryptoIds });
  return {
    reads: new HistoryReads({ ...storage, ids: nodeCryptoIds, links, partitions: limits.partitions }),
    manager: new ConversationsManager({ ...storage, bus, conversations }),
    explanation: new Explanation({ ...storage, ...limits, conversations, clock: systemClock }),
  };
}

interface GatewayParts extends Pick<GatewayDeps, 'bus' | 'admission' | 'logger' | 'metrics'> {
  readonly storage: Storage;
  readonly media: Media;
}

function newGateway(config: Config, { storage, media, ...parts }: GatewayParts): Gateway {
  const { history } = storage;
  return new Gateway({
    ...parts,
    history,
    media: media.library,
    links: media.links,
    clock: systemClock,
    ids: nodeCryptoIds,
    acceptance: new Acceptance({ ...storage, ids: nodeCryptoIds }),
    conversations: new Conversations({ ...storage, ids: nodeCryptoIds }),
    settings: config.limits,
    helloRules: { allowedTimeZones: config.allowedTimeZones, isTimeZone },
  });
}

/** Whether this platform's time zone data have the name. */
function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
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
