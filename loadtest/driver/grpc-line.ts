import { BinaryWriter } from '@bufbuild/protobuf/wire';
import {
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  credentials,
  type MethodDefinition,
  type StatusObject,
  status,
} from '@grpc/grpc-js';
import {
  ChatRequest,
  type ChatResponse,
  ChatServiceService,
  type Hello,
  type OutgoingMessage,
} from '../../src/gen/chat/v1/chat_service.ts';
import type { Line, LineOptions, Listener } from './line.ts';
import { hungUp, Refusal, refusalOf } from './refusal.ts';

/** Longer than the longest wait of the server for history, and enough for a media file on a busy machine. */
const callTimeoutMs = 30_000;

const channelOptions: ChannelOptions = {
  // A connection of its own for each client.
  'grpc.use_local_subchannel_pool': 1,
  // Without these a server that froze or vanished is never noticed.
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 5_000,
  // A lost connection must be seen, and the driver must stay cheap: of ten thousand connections each byte counts.
  'grpc.enable_retries': 0,
  'grpc.enable_channelz': 0,
  'grpc.service_config_disable_resolution': 1,
};

const { path, responseDeserialize: deserialize } = ChatServiceService.chat;
/** Encoding is synchronous, so frames never meet in it. */
const writer = new BinaryWriter();

function serialize(request: ChatRequest): Buffer {
  const bytes = ChatRequest.encode(request, writer).finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const ping: ChatRequest = { frame: { $case: 'ping', value: {} } };
const goodbye: ChatRequest = { frame: { $case: 'goodbye', value: {} } };

/** Native gRPC: the session is one bidirectional stream. */
export class GrpcLine implements Line {
  readonly #client: Client;
  readonly #readBytesPerSecond: number | undefined;
  #stream: ClientDuplexStream<ChatRequest, ChatResponse> | undefined;
  #isOver = false;

  constructor({ address, readBytesPerSecond }: LineOptions) {
    this.#client = new Client(address, credentials.createInsecure(), channelOptions);
    this.#readBytesPerSecond = readBytesPerSecond;
  }

  begin(hello: Hello, listener: Listener): void {
    const stream = this.#client.makeBidiStreamRequest(path, serialize, this.#deserializer());
    this.#stream = stream;
    stream.on('data', ({ event }: ChatResponse) => {
      // Events of a newer contract decode to none.
      if (event?.event !== undefined && !this.#isOver) listener.onEvent(event.event);
    });
    // The status says it all; without a listener `error` would be thrown.
    stream.on('error', () => {});
    stream.on('status', (how: StatusObject) => {
      if (this.#isOver) return;
      this.#isOver = true;
      this.#client.close();
      listener.onEnd(how.code === status.OK ? undefined : refusalOfStatus(how));
    });
    stream.write({ frame: { $case: 'hello', value: hello } });
  }

  say(message: OutgoingMessage): void {
    this.#write({ frame: { $case: 'message', value: message } });
  }

  ping(): void {
    this.#write(ping);
  }

  goodbye(): void {
    this.#write(goodbye);
  }

  drop(): void {
    this.#isOver = true;
    this.#stream?.cancel();
    this.#client.close();
  }

  call<Request, Answer>(method: MethodDefinition<Request, Answer>, request: Request): Promise<Answer> {
    if (this.#isOver) return Promise.reject(hungUp());
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const { path: to, requestSerialize, responseDeserialize } = method;
    const deadline = Date.now() + callTimeoutMs;
    this.#client.makeUnaryRequest(
      to,
      requestSerialize,
      responseDeserialize,
      request,
      { deadline },
      (error, answer?: Answer) => {
        if (answer !== undefined) resolve(answer);
        else reject(error === null ? new Refusal(status.INTERNAL, `${to} gave no answer`) : refusalOfStatus(error));
      },
    );
    return promise;
  }

  #write(request: ChatRequest): void {
    if (this.#stream?.writable) this.#stream.write(request);
  }

  /** A slow reader reads no further until the time for what it has read is over. */
  #deserializer(): (bytes: Buffer) => ChatResponse {
    const bytesPerSecond = this.#readBytesPerSecond;
    if (bytesPerSecond === undefined) return deserialize;
    let paidUntilMs = 0;
    return (bytes) => {
      const nowMs = performance.now();
      paidUntilMs = Math.max(nowMs, paidUntilMs) + (bytes.length * 1_000) / bytesPerSecond;
      this.#stream?.pause();
      setTimeout(() => this.#stream?.resume(), paidUntilMs - nowMs);
      return deserialize(bytes);
    };
  }
}

function refusalOfStatus({ code, details, metadata }: StatusObject): Refusal {
  const [packed] = metadata.get('grpc-status-details-bin');
  return refusalOf(code, details, Buffer.isBuffer(packed) ? packed : undefined);
}
