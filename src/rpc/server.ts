import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { type MethodDefinition, Server, type ServerOptions } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import type { ConversationsManager } from '../app/managing/conversations-manager.ts';
import type { MediaLibrary } from '../app/media/media-library.ts';
import type { HistoryReads } from '../app/reading/history-reads.ts';
import type { UsageReads } from '../app/reading/usage-reads.ts';
import type { BudgetKeeper } from '../app/spending/budgets.ts';
import type { Prices } from '../app/spending/prices.ts';
import { maxFrameBytes } from '../domain/limits.ts';
import { AccountServiceService } from '../gen/chat/v1/account_service.ts';
import { ChatResponse, ChatServiceService } from '../gen/chat/v1/chat_service.ts';
import { HistoryServiceService } from '../gen/chat/v1/history_service.ts';
import { MediaServiceService } from '../gen/chat/v1/media_service.ts';
import { OperationsServiceService } from '../gen/chat/v1/operations_service.ts';
import { SpendingServiceService } from '../gen/chat/v1/spending_service.ts';
import { UsageServiceService } from '../gen/chat/v1/usage_service.ts';
import { fileDescriptors as chatDescriptors } from '../gen/descriptors/chat-v1.ts';
import { fileDescriptors as errorDescriptors } from '../gen/descriptors/google-rpc.ts';
import { fileDescriptors as healthDescriptors } from '../gen/descriptors/health-v1.ts';
import type { ConnectionMetrics, Metrics } from '../ports/telemetry.ts';
import { type AccountServiceDeps, accountService } from './account-service.ts';
import { proofOf, proofOfOutcasts } from './calls.ts';
import { type ChatServiceDeps, chatService } from './chat-service.ts';
import { historyService } from './history-service.ts';
import { mediaService } from './media-service.ts';
import { type OperationsServiceDeps, operationsService } from './operations-service.ts';
import type { RefusedCallers } from './refused-callers.ts';
import { spendingService } from './spending-service.ts';
import { withTolerantDecoding } from './tolerant-decoding.ts';
import { type Proof, UnfinishedRequests } from './unfinished-requests.ts';
import { usageService } from './usage-service.ts';

export interface RpcServerDeps extends Omit<ChatServiceDeps, 'unfinished'>, AccountServiceDeps, OperationsServiceDeps {
  readonly metrics: Metrics & ConnectionMetrics;
  readonly reads: HistoryReads;
  readonly usage: UsageReads;
  readonly prices: Prices;
  readonly budgets: BudgetKeeper;
  readonly manager: ConversationsManager;
  readonly library: MediaLibrary;
  /** Whether reflection is on. */
  readonly reflection: boolean;
}

/** The gRPC server and its health, not yet listening. */
export interface RpcServer {
  readonly server: Server;
  /** Of all doors to it. */
  readonly unfinished: UnfinishedRequests;
  /** Who may call although nobody else of their address may. */
  readonly outcasts: Proof | undefined;
  readonly refusedCallers: Pick<RefusedCallers, 'refusalBy'>;
  /** Health of the whole and of each service, as grpc.health.v1 tells it. */
  setServing(serving: boolean): void;
}

/** Without its own keepalive pings the server never notices a client that vanished. No `max_connection_age`: it kills healthy streams. */
const options: ServerOptions = {
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.keepalive_permit_without_calls': 1,
  // Bookkeeping of every call and socket that nobody reads here.
  'grpc.enable_channelz': 0,
  'grpc.max_receive_message_length': maxFrameBytes,
  'grpc.max_send_message_length': maxFrameBytes,
};

const services = {
  'chat.v1.ChatService': ChatServiceService,
  'chat.v1.HistoryService': HistoryServiceService,
  'chat.v1.UsageService': UsageServiceService,
  'chat.v1.SpendingService': SpendingServiceService,
  'chat.v1.OperationsService': OperationsServiceService,
  'chat.v1.MediaService': MediaServiceService,
  'chat.v1.AccountService': AccountServiceService,
} as const;

/** Every method of the contract. */
export const methods: readonly MethodDefinition<unknown, unknown>[] = Object.values(services).flatMap(
  (service): MethodDefinition<unknown, unknown>[] => Object.values(service),
);

/** Paths of the calls of the contract that have one request: all that browsers can make. */
export const browserPaths: ReadonlySet<string> = new Set(
  methods.filter(({ requestStream }) => !requestStream).map(({ path }) => path),
);

/** Every service of the contract, health, and reflection where it is asked for. */
export function createRpcServer(deps: RpcServerDeps): RpcServer {
  const { calls } = deps;
  const server = new Server(options);
  const unfinished = new UnfinishedRequests(deps.clock, deps.metrics, proofOf(calls));
  server.addService(withTolerantDecoding(withSharedWriter(ChatServiceService)), chatService({ ...deps, unfinished }));
  server.addService(withTolerantDecoding(HistoryServiceService), historyService(deps.reads, deps.manager, calls));
  server.addService(withTolerantDecoding(UsageServiceService), usageService(deps.usage, deps.prices, calls));
  server.addService(withTolerantDecoding(SpendingServiceService), spendingService(deps.prices, deps.budgets, calls));
  server.addService(withTolerantDecoding(OperationsServiceService), operationsService(deps));
  server.addService(withTolerantDecoding(MediaServiceService), mediaService(deps.library, calls));
  server.addService(withTolerantDecoding(AccountServiceService), accountService(deps));
  const health = new HealthImplementation();
  health.addToServer(server);
  if (deps.reflection) reflection().addToServer(server);
  const setServing = (serving: boolean) => {
    for (const name of ['', ...Object.keys(services)]) health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
  };
  setServing(false);
  return { server, unfinished, outcasts: proofOfOutcasts(calls), refusedCallers: calls.refusedCallers, setServing };
}

/** Fed with compiled descriptors: what proto-loader makes of the .proto files, grpcurl and ghz cannot resolve. */
function reflection(): ReflectionService {
  const files = [...chatDescriptors, ...errorDescriptors, ...healthDescriptors];
  const fileDescriptorProtos = files.map((file) => Buffer.from(file, 'base64'));
  return new ReflectionService({ parley: { fileDescriptorProtos } } as unknown as PackageDefinition);
}

/**
 * The chat service, its stream's frames encoded by one writer instead of a new one each: a fifth less CPU per message. Encoding is
 * synchronous, so frames never meet in it.
 */
function withSharedWriter(definition: typeof ChatServiceService): typeof ChatServiceService {
  const writer = new BinaryWriter();
  const responseSerialize = (value: ChatResponse): Buffer => {
    try {
      const bytes = ChatResponse.encode(value, writer).finish();
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    } catch (error) {
      // What a failed frame left in the writer must not lead the next one.
      writer.finish();
      throw error;
    }
  };
  return { ...definition, chat: { ...definition.chat, responseSerialize } };
}
