import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import * as grpc from '@grpc/grpc-js';
import { AccountServiceService } from '../../src/gen/chat/v1/account_service.ts';
import {
  ChatServiceService,
  OpenRequest,
  OpenResponse,
  SendRequest,
  type Welcome,
} from '../../src/gen/chat/v1/chat_service.ts';
import { WebFrames } from '../driver/web-frames.ts';
import { type Percentiles, percentiles } from '../system/percentiles.ts';

/** A way into a server: gRPC, or gRPC-Web as browsers make calls. */
export interface Way {
  readonly name: string;
  /** Host and port. */
  readonly address: string;
  readonly protocol: 'grpc' | 'grpc-web';
}

/** What a call costs on each way, measured in turns, so that whatever else the machine does falls on all of them. */
export type WaysFigures = Readonly<
  Record<string, { readonly unaryMs: Percentiles; readonly firstPieceMs: Percentiles }>
>;

/** Calls as bytes. */
interface Caller {
  call(path: string, message: Buffer): Promise<void>;
  /** Frames are told as they come; resolves at the end of the stream. */
  stream(path: string, message: Buffer, onFrame: (frame: Buffer) => void): Promise<void>;
  close(): void;
}

const same = (bytes: Buffer) => bytes;
const nothing = Buffer.alloc(0);
const { path: unaryPath } = AccountServiceService.describeSignIn;
const { open, send, close } = ChatServiceService;

/**
 * So many unary calls, and so many replies, on each way. The replies must come at once: what is counted is from the word, which goes to the gRPC
 * address on every way, to the first piece.
 */
export async function measureWays(
  address: string,
  ways: readonly Way[],
  calls: number,
  replies: number,
): Promise<WaysFigures> {
  await using measured = new AsyncDisposableStack();
  const sender = grpcCaller(address);
  measured.defer(() => sender.close());
  const visits: Visit[] = [];
  for (const way of ways) {
    const visit = await Visit.open(way, sender);
    measured.defer(() => visit.leave());
    visits.push(visit);
  }
  // A first round for the compiler of V8.
  await inTurns(visits, calls / 4, replies / 4);
  for (const visit of visits) visit.forget();
  await inTurns(visits, calls, replies);
  return Object.fromEntries(visits.map((visit) => [visit.name, visit.figures()]));
}

async function inTurns(visits: readonly Visit[], calls: number, replies: number): Promise<void> {
  for (let call = 0; call < calls; call += 1) for (const visit of visits) await visit.call();
  for (let reply = 0; reply < replies; reply += 1) for (const visit of visits) await visit.ask();
}

/** One client with a session on one way. */
class Visit {
  readonly name: string;
  readonly #caller: Caller;
  readonly #sender: Caller;
  #sessionId = '';
  #said = 0;
  #onPiece: () => void = () => {};
  #onReply: () => void = () => {};
  #ended: Promise<void> = Promise.resolve();
  #unaryMs: number[] = [];
  #firstPieceMs: number[] = [];

  private constructor({ name, address, protocol }: Way, sender: Caller) {
    this.#sender = sender;
    this.name = name;
    this.#caller = protocol === 'grpc' ? grpcCaller(address) : webCaller(address);
  }

  static async open(way: Way, sender: Caller): Promise<Visit> {
    const visit = new Visit(way, sender);
    await visit.#begin();
    return visit;
  }

  async call(): Promise<void> {
    const begun = performance.now();
    await this.#caller.call(unaryPath, nothing);
    this.#unaryMs.push(performance.now() - begun);
  }

  /** Says something; resolves when it is answered. */
  async ask(): Promise<void> {
    const begun = performance.now();
    const answered = new Promise<void>((resolve) => {
      this.#onReply = resolve;
    });
    this.#onPiece = () => {
      this.#firstPieceMs.push(performance.now() - begun);
      this.#onPiece = () => {};
    };
    this.#said += 1;
    const message = {
      clientMessageId: `m${this.#said}`,
      parts: [{ value: { $case: 'text' as const, value: 'And now?' } }],
    };
    await this.#sender.call(
      send.path,
      Buffer.from(SendRequest.encode({ sessionId: this.#sessionId, message }).finish()),
    );
    await answered;
  }

  forget(): void {
    this.#unaryMs = [];
    this.#firstPieceMs = [];
  }

  figures() {
    return { unaryMs: percentiles(this.#unaryMs), firstPieceMs: percentiles(this.#firstPieceMs) };
  }

  async leave(): Promise<void> {
    await this.#caller.call(close.path, close.requestSerialize({ sessionId: this.#sessionId }));
    await this.#ended;
    this.#caller.close();
  }

  #begin(): Promise<void> {
    const hello = {
      clientId: `bench-${randomUUID()}`,
      timeZone: 'Europe/Paris',
      conversationId: '',
      resumeToken: '',
      afterSequence: 0n,
      inlineMedia: false,
    };
    return new Promise((resolve, reject) => {
      const onFrame = (frame: Buffer) => {
        const event = OpenResponse.decode(frame).event?.event;
        if (event?.$case === 'welcome') resolve(this.#welcomed(event.value));
        else if (event?.$case === 'replyDelta') this.#onPiece();
        else if (event?.$case === 'message') this.#onReply();
      };
      this.#ended = this.#caller.stream(open.path, Buffer.from(OpenRequest.encode({ hello }).finish()), onFrame);
      this.#ended.catch(reject);
    });
  }

  #welcomed({ sessionId }: Welcome): void {
    this.#sessionId = sessionId;
  }
}

function grpcCaller(address: string): Caller {
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  return {
    call: (path, message) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(path, same, same, message, (error) => (error === null ? resolve() : reject(error)));
      }),
    stream: (path, message, onFrame) =>
      new Promise((resolve, reject) => {
        const stream = client.makeServerStreamRequest(path, same, same, message);
        stream.on('data', onFrame).on('error', reject).on('end', resolve);
      }),
    close: () => client.close(),
  };
}

/** Does as little as a client can: a browser's own costs are not the server's. */
function webCaller(address: string): Caller {
  const agent = new Agent({ keepAlive: true });
  const post = (path: string, message: Buffer, onFrame: (frame: Buffer) => void) =>
    new Promise<void>((resolve, reject) => {
      const headers = { 'content-type': 'application/grpc-web+proto', 'content-length': 5 + message.length };
      const call = request(`http://${address}${path}`, { method: 'POST', headers, agent }, (response) => {
        const frames = new WebFrames(onFrame);
        response.on('data', (chunk: Buffer) => frames.take(chunk)).on('error', reject);
        response.on('end', () => {
          const { trailers } = frames;
          if (trailers.get('grpc-status') === '0') resolve();
          else reject(new Error(`${path}: ${response.statusCode} ${JSON.stringify([...trailers])}`));
        });
      });
      const head = Buffer.alloc(5);
      head.writeUInt32BE(message.length, 1);
      call.on('error', reject).end(Buffer.concat([head, message]));
    });
  return { call: (path, message) => post(path, message, () => {}), stream: post, close: () => agent.destroy() };
}
