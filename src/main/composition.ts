import { Eraser } from '../app/erasure/eraser.ts';
import { Following } from '../app/following/following.ts';
import { knownWindowIds, usualLookBackRecords } from '../app/following/limits.ts';
import { type FollowerDeps, PartitionFollower } from '../app/following/partition-follower.ts';
import { Refolds } from '../app/following/refold.ts';
import { Admission } from '../app/gateway/admission.ts';
import { Conversations } from '../app/gateway/conversations.ts';
import { Gateway } from '../app/gateway/gateway.ts';
import { GatewayReadiness } from '../app/gateway/readiness.ts';
import { SessionConversations } from '../app/gateway/session-conversations.ts';
import { ConversationsManager } from '../app/managing/conversations-manager.ts';
import { DeadLetters } from '../app/managing/dead-letters.ts';
import { Explanation } from '../app/managing/explanation.ts';
import { MediaLibrary } from '../app/media/media-library.ts';
import { mediaLinks } from '../app/media/media-links.ts';
import { MediaSweeper, type SweepMetrics } from '../app/media/sweeper.ts';
import { ClientWrites } from '../app/rate-limits/client-writes.ts';
import { HistoryReads } from '../app/reading/history-reads.ts';
import { Operations } from '../app/reading/operations.ts';
import { UsageReads } from '../app/reading/usage-reads.ts';
import type { SecurityRecorder } from '../app/security/security-recorder.ts';
import { BudgetKeeper } from '../app/spending/budgets.ts';
import { Prices } from '../app/spending/prices.ts';
import { SpendingBook } from '../app/spending/spending-book.ts';
import type { Config } from '../config/config.ts';
import { initialAdmission } from '../domain/admission/state.ts';
import { gatewayLeaseMs, maxFrameBytes } from '../domain/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import type { MediaInspector } from '../ports/media-inspector.ts';
import type { Provider } from '../ports/provider.ts';
import { ReadModelUnavailable } from '../ports/read-model.ts';
import type { Logger, Metrics } from '../ports/telemetry.ts';
import type { Tracer } from '../ports/tracing.ts';
import { durationOf } from '../rpc/wire-values.ts';
import type { WorkerMetrics } from '../workers/deps.ts';
import { historyLookups } from '../workers/history-lookups.ts';
import { readGroupOf } from '../workers/partition-worker.ts';
import { type RunningWorker, startWorker } from '../workers/worker.ts';
import type { Backends } from './backends.ts';

/**
 * How each role is composed of the parts above the ports. It names no adapter: the server gives it those of a profile, the simulation
 * those in memory, so that both run the same thing.
 */

/** What the parts take of the machine they run on. */
export interface World {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  /** undefined: nothing is traced. */
  readonly tracer: Tracer | undefined;
}

/** The settings that the parts read. */
export type PartsConfig = Pick<Config, 'limits' | 'media' | 'worker' | 'allowedTimeZones' | 'prefix'>;

export interface PartsOptions {
  readonly config: PartsConfig;
  readonly backends: Omit<Backends, 'mediaHandler' | 'openAccounts' | 'openSecurityLog'>;
  readonly world: World;
}

export interface AdmissionOptions extends PartsOptions {
  /** The log can no longer be followed: the process must end. */
  readonly onFault: (error: unknown) => void;
}

/** Admission as this gateway sees it, from the snapshot in the read models. Not started. Never rejects. */
export async function openAdmission({ config, backends, world, onFault }: AdmissionOptions): Promise<Admission> {
  const { maxClients, maxWaitingClients, firstMessageDeadlineMs } = config.limits;
  return new Admission({
    ...world,
    journal: backends.journal,
    gatewayId: backends.instanceId,
    incarnation: world.ids.unique(),
    isIdExclusive: backends.isInstanceExclusive,
    limits: { maxClients, maxWaitingClients, gatewayLeaseMs, firstMessageDeadlineMs },
    snapshot: await snapshotOf(backends, world.logger),
    onFault,
  });
}

/** Where the fold of admission begins. Without the read models it begins at the first event, which takes longer and ends the same. */
async function snapshotOf({ connections }: PartsOptions['backends'], logger: Logger) {
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

/** What the services of a gateway call. */
export interface GatewayParts {
  readonly gateway: Gateway;
  readonly readiness: GatewayReadiness;
  readonly operations: Operations;
  readonly library: MediaLibrary;
  readonly reads: HistoryReads;
  readonly usage: UsageReads;
  readonly prices: Prices;
  readonly budgets: BudgetKeeper;
  readonly manager: ConversationsManager;
  readonly explanation: Explanation;
  readonly deadLetters: DeadLetters;
}

export interface GatewayPartsOptions extends PartsOptions {
  readonly admission: Admission;
  readonly following: Following;
  readonly spendingBook: SpendingBook;
  readonly metrics: Metrics;
  readonly inspector: MediaInspector;
  readonly security: Pick<SecurityRecorder, 'record'>;
}

export interface FollowingOptions extends AdmissionOptions {
  /** 0 ≤ x < 1, for the spread of waits. */
  readonly random: () => number;
}

/** What models cost and budgets, as this process follows them. Not started. */
export function newSpendingBook({
  backends,
  world,
  provider,
  onFault,
}: AdmissionOptions & { readonly provider: Provider }): SpendingBook {
  return new SpendingBook({ ...world, journal: backends.journal, provider, onFault });
}

/** The topic of conversations as this process follows it. Not started. */
export function newFollowing({ onFault, ...options }: FollowingOptions): Following {
  return new Following({ ...options.world, ...followerDeps(options), onFault });
}

function followerDeps({ config, backends, world, random }: Omit<FollowingOptions, 'onFault'>): FollowerDeps {
  const group = workersGroup(config);
  return {
    ...world,
    journal: backends.journal,
    random,
    group,
    readGroup: readGroupOf(group),
    lookBackRecords: usualLookBackRecords,
    windowIds: knownWindowIds,
  };
}

function workersGroup({ prefix }: PartsConfig): string {
  return `${prefix}.workers`;
}

/** The use cases of a gateway. It is not started, and its admission need not be: that announces it, once its ports are open. */
export function gatewayParts(options: GatewayPartsOptions): GatewayParts {
  const { config, backends, world, admission, following, spendingBook, metrics, inspector, security } = options;
  const { limits, media: settings } = config;
  const { clock, ids, logger } = world;
  const store = backends.media;
  const links = mediaLinks({ store, clock, logger, urlLifetimeMs: settings.urlLifetimeMs });
  const writes = new ClientWrites({ clock, metrics, rates: limits });
  const library = new MediaLibrary({
    store,
    clock,
    writes,
    references: backends.history,
    ids,
    inspector,
    settings: { ...settings, maxMediaBytes: limits.maxMediaBytes },
  });
  const conversations = new Conversations({ ...backends, ids });
  const gateway = new Gateway({
    ...world,
    admission,
    metrics,
    links,
    writes,
    following,
    journal: backends.journal,
    conversations: new SessionConversations({
      ...backends,
      following,
      refolds: new Refolds({ ...backends, clock }),
      metrics,
      writes,
    }),
    bus: backends.bus,
    media: library,
    spending: spendingBook,
    security,
    settings: limits,
    maxSessionsPerAddress: limits.maxSessionsPerAddress,
    helloRules: { allowedTimeZones: config.allowedTimeZones, isTimeZone: timeZones() },
  });
  return {
    gateway,
    readiness: new GatewayReadiness({ admission, following, conversations, history: backends.history, clock }),
    library,
    operations: new Operations({
      ...limits,
      ...backends,
      maxMediaBytesPerClient: settings.maxBytesPerClient,
      writes,
      admission,
      clock,
      security,
    }),
    usage: new UsageReads({ ...backends, ids }),
    prices: new Prices({ book: spendingBook, security }),
    budgets: new BudgetKeeper({ book: spendingBook, clock, ids, security }),
    reads: new HistoryReads({ ...backends, conversations, ids, links }),
    manager: new ConversationsManager({ ...backends, conversations, writes }),
    explanation: new Explanation({ ...backends, ...limits, conversations, clock }),
    deadLetters: new DeadLetters({ ...backends, conversations, ids, security }),
  };
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

/** What every Welcome tells of the limits. */
export function welcomeFacts({ limits }: PartsConfig) {
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

export interface WorkersOptions extends PartsOptions {
  readonly metrics: WorkerMetrics;
  readonly provider: Provider;
  readonly spendingBook: SpendingBook;
  /** 0 ≤ x < 1, for the spread of waits. */
  readonly random: () => number;
  /** What the gateway of this process follows; undefined without one. */
  readonly following: Following | undefined;
}

/** Starts the worker of this process. */
export function startWorkerOf({ following, spendingBook, ...options }: WorkersOptions): RunningWorker {
  const { config, backends, world, ...parts } = options;
  const { maxProcessingPerPartition, maxProcessingPerConversation } = config.limits;
  return startWorker({
    ...backends,
    ...world,
    ...parts,
    spending: spendingBook,
    follower: (partition) => following?.at(partition) ?? new PartitionFollower(followerDeps(options), partition),
    lookups: historyLookups({ ...backends, refolds: new Refolds({ ...backends, clock: world.clock }) }),
    workerId: `${backends.instanceId}-${world.ids.unique()}`,
    group: workersGroup(config),
    settings: {
      ...config.worker,
      maxProcessingPerPartition,
      maxProcessingPerConversation,
      unnamedMediaLifetimeMs: unnamedMediaLifetimeMs(config),
    },
  });
}

/** A reply's media are stored before the reply that names them is in the log, up to a whole attempt later. */
function unnamedMediaLifetimeMs({ media, worker }: PartsConfig): number {
  return Math.max(media.uploadLifetimeMs, worker.totalTimeoutMs);
}

/** How often deleted conversations are looked for: a look is one read of an index that is nearly always empty. */
const erasureIntervalMs = 1_000;

/**
 * The longest that a message which names media can be on its way into the log: an append that is in doubt is made again for as long as its session
 * lives without the log, a lease at most.
 */
const namedWithinMs = gatewayLeaseMs;

export interface UpkeepOptions extends PartsOptions {
  readonly metrics: SweepMetrics;
}

/** Looks after unused media and deleted conversations until it is disposed. Several processes may: they do no harm, but work twice. */
export function startUpkeep({ config, backends, world, metrics }: UpkeepOptions): AsyncDisposable {
  const { media: settings } = config;
  const { clock, ids, logger } = world;
  const common = { clock, logger, references: backends.history };
  const conversations = new Conversations({ ...backends, ids });
  const sweeping = { sweepIntervalMs: settings.sweepIntervalMs, uploadLifetimeMs: unnamedMediaLifetimeMs(config) };
  const sweeper = new MediaSweeper({ ...common, store: backends.media, conversations, metrics, settings: sweeping });
  const erasing = { delayMs: settings.erasureDelayMs, intervalMs: erasureIntervalMs, namedWithinMs };
  const eraser = new Eraser({ ...backends, ...common, conversations, ...erasing });
  const running = new AsyncDisposableStack();
  sweeper.start();
  running.defer(() => sweeper.stop());
  eraser.start();
  running.defer(() => eraser.stop());
  return running;
}
