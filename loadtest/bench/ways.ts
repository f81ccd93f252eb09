import { randomUUID } from 'node:crypto';
import { type Client, createClient } from '@connectrpc/connect';
import { AccountService } from '../../src/client/gen/chat/v1/account_service_pb.js';
import { ChatService } from '../../src/client/gen/chat/v1/chat_service_pb.js';
import { grpc } from '../../src/client/node/grpc.ts';
import type { WireConnection } from '../../src/client/wire.ts';
import { grpcWebInNode } from '../driver/wire.ts';
import { type Percentiles, percentiles } from '../system/percentiles.ts';

/** A way into a server: gRPC, or gRPC-Web as browsers make calls. */
export interface Way {
  readonly name: string;
  /** Host and port. */
  readonly address: string;
  readonly protocol: 'grpc' | 'grpc-web';
}

interface Ways {
  /** Of gRPC. */
  readonly address: string;
  readonly ways: readonly Way[];
  readonly calls: number;
  readonly replies: number;
}

/** What a call costs on each way, measured in turns, so that whatever else the machine does falls on all of them. */
export type WaysFigures = Readonly<
  Record<string, { readonly unaryMs: Percentiles; readonly firstPieceMs: Percentiles }>
>;

/**
 * So many unary calls, and so many replies, on each way. The replies must come at once: what is counted is from sending, which goes to the gRPC
 * address on every way, to the first piece.
 */
export async function measureWays({ address, ways, calls, replies }: Ways): Promise<WaysFigures> {
  await using opened = new AsyncDisposableStack();
  const sender = opened.adopt(grpc({ address }).connect(), (connection) => connection.close());
  const sessions: WaySession[] = [];
  for (const way of ways) sessions.push(opened.use(await WaySession.open(way, sender)));
  // A first round for the compiler of V8.
  await inTurns(sessions, calls / 4, replies / 4);
  for (const session of sessions) session.forget();
  await inTurns(sessions, calls, replies);
  return Object.fromEntries(sessions.map((session) => [session.name, session.figures()]));
}

async function inTurns(sessions: readonly WaySession[], calls: number, replies: number): Promise<void> {
  for (let call = 0; call < calls; call += 1) for (const session of sessions) await session.call();
  for (let reply = 0; reply < replies; reply += 1) for (const session of sessions) await session.ask();
}

/** One client with a session on one way, by the SDK's connection and generated calls alone: the chat above them costs the same on every way. */
class WaySession implements AsyncDisposable {
  readonly name: string;
  readonly #connection: WireConnection;
  readonly #accounts: Client<typeof AccountService>;
  readonly #sender: Client<typeof ChatService>;
  #sessionId = '';
  #sent = 0;
  #onPiece: () => void = () => undefined;
  #onReply: () => void = () => undefined;
  #ended: Promise<void> = Promise.resolve();
  #unaryMs: number[] = [];
  #firstPieceMs: number[] = [];

  private constructor({ name, address, protocol }: Way, sender: WireConnection) {
    this.name = name;
    this.#connection = (protocol === 'grpc' ? grpc({ address }) : grpcWebInNode(`http://${address}`)).connect();
    this.#accounts = createClient(AccountService, this.#connection.transport);
    this.#sender = createClient(ChatService, sender.transport);
  }

  /** Resolves at Welcome. */
  static async open(way: Way, sender: WireConnection): Promise<WaySession> {
    const session = new WaySession(way, sender);
    await new Promise<void>((resolve, reject) => {
      session.#ended = session.#listen(resolve);
      session.#ended.catch(reject);
    });
    return session;
  }

  async call(): Promise<void> {
    const begun = performance.now();
    await this.#accounts.describeSignIn({});
    this.#unaryMs.push(performance.now() - begun);
  }

  /** Sends a message; resolves when it is answered. */
  async ask(): Promise<void> {
    const begun = performance.now();
    const { promise: answered, resolve } = Promise.withResolvers<void>();
    this.#onReply = resolve;
    this.#onPiece = () => {
      this.#firstPieceMs.push(performance.now() - begun);
      this.#onPiece = () => undefined;
    };
    this.#sent += 1;
    const parts = [{ value: { case: 'text', value: 'And now?' } as const }];
    const message = { clientMessageId: `m${this.#sent}`, parts };
    await this.#sender.send({ sessionId: this.#sessionId, message });
    await answered;
  }

  forget(): void {
    this.#unaryMs = [];
    this.#firstPieceMs = [];
  }

  figures() {
    return { unaryMs: percentiles(this.#unaryMs), firstPieceMs: percentiles(this.#firstPieceMs) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sender.close({ sessionId: this.#sessionId });
    await this.#ended;
    this.#connection.close();
  }

  async #listen(onWelcome: () => void): Promise<void> {
    const hello = { clientId: `bench-${randomUUID()}`, timeZone: 'Europe/Paris' };
    for await (const { event } of createClient(ChatService, this.#connection.transport).open({ hello })) {
      if (event?.event.case === 'welcome') {
        this.#sessionId = event.event.value.sessionId;
        onWelcome();
      } else if (event?.event.case === 'replyDelta') this.#onPiece();
      else if (event?.event.case === 'message') this.#onReply();
    }
  }
}
