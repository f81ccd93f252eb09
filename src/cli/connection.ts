import type { ChannelCredentials, ChannelOptions, ClientDuplexStream, MethodDefinition } from '@grpc/grpc-js';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import type { ChatRequest, ChatResponse } from '../gen/chat/v1/chat_service.ts';
import { ChatServiceService } from '../gen/chat/v1/chat_service.ts';
import type { AccessToken, Endpoint } from './endpoint.ts';
import { refusalOf } from './refusal.ts';

/** A unary call takes a read or one append: longer than this means that nobody is there. */
const CALL_DEADLINE_MS = 10_000;

const CHANNEL_OPTIONS: ChannelOptions = {
  // Without keepalive a server that stopped or vanished is never noticed.
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 5_000,
  // Each connection stands for one client: shared subchannels would also share their back-off.
  'grpc.use_local_subchannel_pool': 1,
  // The server's own bound for any frame.
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
  // The chat resends by its own rules; a retry below it would hide a lost connection.
  'grpc.enable_retries': 0,
};

/** The chat stream as a client holds it. */
export type ChatStream = ClientDuplexStream<ChatRequest, ChatResponse>;

/** A connection to one server, over which any unary method and the chat stream can be called. */
export class Connection implements Disposable {
  readonly #client: Client;
  readonly #tokens: Endpoint['tokens'];

  constructor(endpoint: Endpoint) {
    this.#tokens = endpoint.tokens;
    this.#client = new Client(endpoint.address, channelCredentials(endpoint), CHANNEL_OPTIONS);
  }

  /**
   * Opens the chat stream. Its end is told by the stream's own `error` and `status` events.
   * @param token what the stream begins with
   */
  chat(token: AccessToken | undefined): ChatStream {
    const { path, requestSerialize, responseDeserialize } = ChatServiceService.chat;
    return this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadataOf(token));
  }

  /**
   * Calls a unary method of a generated service definition.
   * @throws Refusal
   */
  async call<Request, Response>(method: MethodDefinition<Request, Response>, request: Request): Promise<Response> {
    const metadata = metadataOf(await this.#tokens?.fresh());
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    this.#client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadata,
      { deadline: Date.now() + CALL_DEADLINE_MS },
      (error, response) => {
        if (error !== null) reject(refusalOf(error));
        else resolve(response as Response);
      },
    );
    return promise;
  }

  /** Closes the connection; calls under way end. */
  close(): void {
    this.#client.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function channelCredentials({ tls }: Endpoint): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  return credentials.createSsl(tls.ca ?? null, tls.key ?? null, tls.cert ?? null);
}

function metadataOf(token: AccessToken | undefined): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token.text}`);
  return metadata;
}
