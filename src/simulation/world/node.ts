import type { Metadata } from '@grpc/grpc-js';
import { activeConnections } from '../../../projections/active-connections/query.ts';
import { GroupProjector } from '../../../projections/engine/group-projector.ts';
import { Pace } from '../../../projections/engine/pace.ts';
import { PolledProgress } from '../../../projections/engine/polled-progress.ts';
import { historyModel } from '../../../projections/history/document.ts';
import { history as historyQueries } from '../../../projections/history/query.ts';
import { usageIn } from '../../../projections/history/usage.ts';
import { projections } from '../../../projections/models.ts';
import { operationsViews } from '../../../projections/operations-views.ts';
import type { Following } from '../../app/following/following.ts';
import { type Admission, InstanceIdTaken } from '../../app/gateway/admission.ts';
import { Journal } from '../../app/journal.ts';
import type { SpendingBook } from '../../app/spending/spending-book.ts';
import { createEventCodec } from '../../codec/event-codec.ts';
import type { ChatServiceServer } from '../../gen/chat/v1/chat_service.ts';
import type { HistoryServiceServer } from '../../gen/chat/v1/history_service.ts';
import type { MediaServiceServer } from '../../gen/chat/v1/media_service.ts';
import {
  type GatewayParts,
  gatewayParts,
  newFollowing,
  newSpendingBook,
  openAdmission,
  type PartsOptions,
  startUpkeep,
  startWorkerOf,
  welcomeFacts,
} from '../../main/composition.ts';
import type { Logger } from '../../ports/telemetry.ts';
import { chatService } from '../../rpc/chat-service.ts';
import { ErrorMapping } from '../../rpc/errors.ts';
import { historyService } from '../../rpc/history-service.ts';
import { mediaService } from '../../rpc/media-service.ts';
import { RefusedCallers } from '../../rpc/refused-callers.ts';
import type { RunningWorker } from '../../workers/worker.ts';
import { simulatedAuthenticator } from '../network/authenticator.ts';
import { groupsOverNetwork } from '../network/groups.ts';
import { simulatedInspector } from '../network/inspector.ts';
import { LogOverNetwork } from '../network/log.ts';
import { mediaOverNetwork } from '../network/media.ts';
import { readModelsOverNetwork } from '../network/read-models.ts';
import { ChatStream, type StreamListener } from '../network/stream.ts';
import type { NodeSpec } from '../scenario.ts';
import { SimulatedProcess } from './process.ts';
import { WatchedSessions } from './watched-sessions.ts';
import type { World } from './world.ts';
import { prefix, topics } from './world-names.ts';

/** As the distributed profile has it. */
const shortestPaceMs = 20;
const longestPaceMs = 200;

/** What a gateway offers to clients. */
export interface Services {
  readonly chat: ChatServiceServer;
  readonly history: HistoryServiceServer;
  readonly media: MediaServiceServer;
}

/** One server process from its start to its end, composed as `main` composes it. */
export class ServerNode {
  readonly spec: NodeSpec;
  readonly process: SimulatedProcess;
  readonly instanceId: string;
  readonly streams = new Set<ChatStream>();
  readonly sessions = new WatchedSessions();
  /** undefined until it takes clients, and without that role. */
  services: Services | undefined;
  admission: Admission | undefined;
  parts: GatewayParts | undefined;
  worker: RunningWorker | undefined;
  /** So far of the topic of connections it must read before it serves anybody: it stood still meanwhile. */
  readTo = 0;
  #following: Following | undefined;
  readonly #world: World;
  readonly #running = new AsyncDisposableStack();
  readonly #metrics;
  /** Called when another process has taken its instance id, and it must end. */
  onSuperseded: () => void = () => {};
  #log: AsyncDisposable | undefined;
  #network: LogOverNetwork | undefined;
  #isStopping = false;
  readonly #killed = Promise.withResolvers<void>();

  constructor(world: World, spec: NodeSpec, name: string, instanceId: string) {
    this.#world = world;
    this.spec = spec;
    this.instanceId = instanceId;
    this.process = new SimulatedProcess(name, world.scheduler, world.scenario.seed);
    this.#metrics = metricsOf(world);
  }

  /** It ends in order, or is about to. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** Resolves when it is gone. */
  get killed(): Promise<void> {
    return this.#killed.promise;
  }

  /** What it writes of connections reaches the log late. */
  get isHeldUp(): boolean {
    return this.#network?.isHeldUp(topics.connections, 0) === true;
  }

  /** Rejects with what keeps a server from starting. */
  async start(): Promise<void> {
    const { process } = this;
    const { config } = this.#world.scenario;
    const logger = this.#logger();
    const backends = this.#backends();
    const world = { clock: process.clock, ids: this.#world.ids, logger, tracer: undefined };
    const parts: PartsOptions = { config, backends, world };
    const roles = new Set(this.spec.roles);
    if (roles.has('projector')) this.#startProjector(parts);
    const onFault = (error: unknown) => this.#faulted(error);
    const spendingBook = this.#running.use(
      newSpendingBook({ ...parts, provider: this.#world.model.provider(this.process), onFault }),
    );
    if (roles.has('gateway') || roles.has('worker')) await spendingBook.start();
    if (roles.has('gateway')) await this.#startGateway(parts, spendingBook, logger);
    if (roles.has('projector')) this.#running.use(startUpkeep({ ...parts, metrics: this.#metrics }));
    if (roles.has('worker')) this.#startWorker(parts, spendingBook);
  }

  /** Leaves in order, as on SIGTERM. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const { drainTimeoutMs } = this.#world.scenario;
    this.parts?.gateway.drain(this.process.clock.nowMs() + drainTimeoutMs);
    await this.worker?.drain(drainTimeoutMs);
    await this.parts?.gateway.stop('DRAINING');
    this.services = undefined;
    await this.#running.disposeAsync().catch((error: unknown) => this.#faulted(error));
    this.kill();
  }

  /** It is gone, from one moment to the next. */
  kill(): void {
    this.process.kill();
    this.#killed.resolve();
    // Its tails end, so that those that go on waiting are those of the living.
    void this.#log?.[Symbol.asyncDispose]();
    this.services = undefined;
    for (const stream of this.streams) stream.lost();
    this.streams.clear();
  }

  /** A client's stream to this gateway; not yet given to a service. */
  stream(listener: StreamListener, metadata: Metadata, latencyMs: number, request?: ChatStreamRequest): ChatStream {
    const { scheduler } = this.#world;
    const stream: ChatStream = new ChatStream({
      scheduler,
      process: this.process,
      metadata,
      latencyMs,
      request,
      listener: {
        event: (event) => listener.event(event),
        drained: () => listener.drained(),
        ended: (status) => {
          this.streams.delete(stream);
          listener.ended(status);
        },
      },
    });
    this.streams.add(stream);
    return stream;
  }

  #backends(): PartsOptions['backends'] {
    const { process } = this;
    const { faults, log, models, bus, media, ids, groups } = this.#world;
    const handle = log.handle();
    this.#log = handle;
    const ownLog = new LogOverNetwork(handle, process, faults);
    this.#network = ownLog;
    const journal = new Journal(ownLog, createEventCodec(ids), prefix);
    const store = readModelsOverNetwork(models.handle('read'), process, faults);
    const partitions = log.handle().partitions(topics.conversations);
    const onFault = (error: unknown) => this.#faulted(error);
    const progress = new PolledProgress({
      store,
      clock: process.clock,
      model: historyModel,
      topic: topics.conversations,
      partitions,
      onFault,
    });
    const ownBus = bus.handle(process);
    const ownMedia = mediaOverNetwork(media.handle(), process, faults);
    this.#running.use(ownLog);
    this.#running.use(ownBus);
    this.#running.use(ownMedia);
    this.#running.use(store);
    this.#running.use(progress);
    return {
      instanceId: this.instanceId,
      journal,
      history: historyQueries(store),
      usage: usageIn(store),
      progress,
      views: operationsViews(store),
      connections: activeConnections(store),
      groups: groupsOverNetwork(groups, process),
      bus: ownBus,
      media: ownMedia,
      [Symbol.asyncDispose]: async () => {},
    };
  }

  #startProjector({ backends }: PartsOptions): void {
    const { process } = this;
    const { faults, models } = this.#world;
    const store = this.#running.use(readModelsOverNetwork(models.handle('write'), process, faults));
    const { clock } = process;
    const projector = this.#running.use(
      new GroupProjector({
        journal: backends.journal,
        store,
        projections,
        groups: backends.groups,
        group: `${prefix}.projectors`,
        clock,
        pace: new Pace(clock, shortestPaceMs, () => false, longestPaceMs),
        onRetry: () => {},
        onFault: (model, topic, partition, cause) =>
          this.#faulted(new Error(`${model} ${topic}/${partition}`, { cause })),
        onEnded: (error) => this.#faulted(error),
      }),
    );
    projector.start();
  }

  #startWorker(parts: PartsOptions, spendingBook: SpendingBook): void {
    const { process } = this;
    const worker = startWorkerOf({
      ...parts,
      spendingBook,
      following: this.#following,
      metrics: this.#metrics,
      provider: this.#world.model.provider(process),
      random: () => process.random.next(),
    });
    worker.ended.catch((error: unknown) => this.#faulted(error));
    this.worker = worker;
    this.#running.defer(() => worker.drain(0));
  }

  async #startGateway(parts: PartsOptions, spendingBook: SpendingBook, logger: Logger): Promise<void> {
    const metrics = this.#metrics;
    const admission = await openAdmission({ ...parts, onFault: (error) => this.#faulted(error) });
    this.#running.defer(() => admission.stop());
    const onFault = (error: unknown) => this.#faulted(error);
    const following = newFollowing({ ...parts, random: () => this.process.random.next(), onFault });
    this.#following = following;
    this.#running.defer(() => following.stop());
    const uses = gatewayParts({
      ...parts,
      admission,
      following,
      spendingBook,
      metrics,
      inspector: simulatedInspector,
      security: { record: async () => {} },
    });
    this.sessions.watch(uses.gateway);
    this.#running.defer(() => uses.gateway.stop('DRAINING'));
    const { scenario, faults, ids } = this.#world;
    const authenticator = scenario.usesTokens ? simulatedAuthenticator(this.process, faults) : undefined;
    // The simulated network has no addresses.
    const addresses = { originOf: () => ({ address: '' }) };
    const errors = new ErrorMapping(logger, metrics, ids);
    const refusedCallers = new RefusedCallers({ errors, clock: this.process.clock, ids });
    const calls = { errors, authenticator, addresses, refusedCallers };
    this.admission = admission;
    this.parts = uses;
    // It listens before it announces itself.
    this.services = {
      chat: chatService({
        gateway: uses.gateway,
        calls,
        metrics,
        facts: welcomeFacts(parts.config),
        clock: this.process.clock,
        // Simulated calls come whole.
        unfinished: { arrived() {} },
      }),
      history: historyService(uses.reads, uses.manager, calls),
      media: mediaService(uses.library, calls),
    };
    following.start();
    await admission.start();
    uses.gateway.start();
  }

  /** The process would end itself here. */
  #faulted(error: unknown): void {
    if (this.#isStopping || !this.process.isAlive) return;
    if (error instanceof InstanceIdTaken) return this.onSuperseded();
    this.#world.find('process-faulted', `${this.process.name}: ${describe(error)}`);
  }

  #logger(): Logger {
    const { trace } = this.#world;
    const note = (level: string) => (fields: object, message: string) => {
      const { err } = fields as { err?: unknown };
      trace.note(this.process.name, `${level}: ${message}${err === undefined ? '' : ` (${describe(err)})`}`);
    };
    const error = (fields: object, message: string) => {
      note('error')(fields, message);
      if (message.startsWith('unexpected error'))
        this.#world.find('unexpected-error', describe((fields as { err?: unknown }).err));
    };
    return { debug: () => {}, info: () => {}, warn: note('warn'), error };
  }
}

type ChatStreamRequest = ConstructorParameters<typeof ChatStream>[0]['request'];

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : ` <- ${describe(error.cause)}`;
  return `${error.name}: ${error.message}${cause}`;
}

/** Nobody reads them, but for what is never to be told to a client. */
function metricsOf(world: World) {
  const nothing = () => {};
  return {
    refused: (reason: string) => {
      if (reason === 'INTERNAL') world.find('internal-error', 'a client was told INTERNAL');
    },
    accepted: nothing,
    replied: nothing,
    historyRead: nothing,
    sessionEnded: nothing,
    writeRefused: nothing,
    recordSkipped: nothing,
    called: nothing,
    used: nothing,
    attemptFailed: nothing,
    finished: nothing,
    mediaSwept: nothing,
  };
}
