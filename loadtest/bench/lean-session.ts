import * as grpc from '@grpc/grpc-js';
import { ChatRequest, ChatServiceService } from '../../src/gen/chat/v1/chat_service.ts';

const { path } = ChatServiceService.chat;

/** Field numbers of ServerEvent. */
export const kinds = { welcome: 2, accepted: 3, message: 4, replyStarted: 5, replyDelta: 6, rejected: 7 } as const;

/**
 * A frame is `ChatResponse { event = 1: ServerEvent { <kind>: … } }`: the tag of field 1, its length as a varint, then the tag that
 * names the event. The clients share two cores with the server, so they read no more of a frame than that.
 */
function kindOf(frame: Buffer): number {
  let at = 1;
  while (((frame[at] ?? 0) & 0x80) !== 0) at += 1;
  return (frame[at + 1] ?? 0) >>> 3;
}

function serialize(request: ChatRequest): Buffer {
  return Buffer.from(ChatRequest.encode(request).finish());
}

/** A client with a connection of its own that does as little as a client can. */
export class LeanSession {
  /** Called with the kind of every frame. */
  onFrame: (kind: number) => void = () => {};
  readonly #client: grpc.Client;
  readonly #stream: grpc.ClientDuplexStream<ChatRequest, number>;
  #sent = 0;

  constructor(address: string, onEnd: (how: grpc.StatusObject) => void) {
    this.#client = new grpc.Client(address, grpc.credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
    this.#stream = this.#client.makeBidiStreamRequest(path, serialize, kindOf);
    this.#stream.on('data', (kind: number) => this.onFrame(kind));
    this.#stream.on('error', () => {});
    this.#stream.on('status', (status: grpc.StatusObject) => {
      this.#client.close();
      onEnd(status);
    });
  }

  /** Dials and resolves at Welcome. */
  static open(address: string, clientId: string): Promise<LeanSession> {
    return new Promise((resolve, reject) => {
      const session = new LeanSession(address, (status) =>
        reject(new Error(`${clientId}: ${grpc.status[status.code]} ${status.details}`)),
      );
      session.onFrame = (kind) => {
        if (kind === kinds.welcome) resolve(session);
      };
      session.hello(clientId);
    });
  }

  hello(clientId: string): void {
    const value = {
      clientId,
      timeZone: 'Europe/Paris',
      conversationId: '',
      resumeToken: '',
      afterSequence: 0n,
      inlineMedia: false,
      takeOver: false,
    };
    this.#stream.write({ frame: { $case: 'hello', value } });
  }

  say(text: string): void {
    this.#sent += 1;
    const parts = [{ value: { $case: 'text' as const, value: text } }];
    const value = { clientMessageId: `m${this.#sent}`, parts, instructions: '' };
    this.#stream.write({ frame: { $case: 'message', value } });
  }

  /** Says goodbye; resolves when the server has ended the stream. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#stream.on('status', () => resolve());
      this.#stream.write({ frame: { $case: 'goodbye', value: {} } });
    });
  }
}
