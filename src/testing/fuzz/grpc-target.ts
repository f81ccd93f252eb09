import type { ClientHttp2Session } from 'node:http2';
import { status as grpcStatus } from '@grpc/grpc-js';
import { answerOf, callHead, framed, openConnection, unfinishedCall } from '../attacks/calls.ts';
import { portOf } from '../attacks/target.ts';
import type { ParleyServer } from '../server.ts';
import { leavesOf } from './protobuf-leaves.ts';
import { RecordedCalls } from './recorded-calls.ts';
import { type FuzzInput, type FuzzInputs, type FuzzTarget, oneOf } from './target.ts';

const chatPath = '/chat.v1.ChatService/Chat';
/** A connection is used for so many calls: a mutation that ends it ends few others. */
const callsPerConnection = 50;
/** Those that go on for as long as their client likes are left after this. */
const streamMs = 1_000;
const streamPaths: readonly string[] = [chatPath, '/chat.v1.ChatService/Open'];
/** Every other call has its answer by then, also on a machine that does other things. It is less than what a request may take to end. */
const answerMs = 15_000;
/** What of a message is mutated: the prefix of gRPC with it, all of it, one of its fields, or one of its fields that is text then. */
const parts = ['prefix', 'message', 'field', 'text', 'text'] as const;

/** Messages of a real client, mutated, each in a call of its own; those of a stream come behind the messages that were said before them. */
class Messages implements FuzzInputs {
  readonly #port: number;
  readonly #recorded: RecordedCalls;
  #connection: Promise<ClientHttp2Session> | undefined;
  #made = 0;

  constructor(port: number, recorded: RecordedCalls) {
    this.#port = port;
    this.#recorded = recorded;
  }

  next(random: () => number): FuzzInput {
    const { path, messages } = oneOf(random, this.#recorded.calls);
    const chosen = path === chatPath ? Math.floor(random() * messages.length) : 0;
    const before = messages.slice(0, chosen).map((message) => framed(message));
    const message = messages[chosen] ?? Buffer.alloc(0);
    const own = this.#recorded.nextClient();
    this.#made += 1;
    const send = (mutated: Buffer) => this.#call(path, own(Buffer.concat([...before, mutated])));
    const part = oneOf(random, parts);
    if (part === 'prefix') return { bytes: framed(message), send };
    const leaves = leavesOf(message);
    if (part === 'message' || leaves.length === 0) return { bytes: message, send: (mutated) => send(framed(mutated)) };
    const leaf = oneOf(random, leaves);
    const value = (mutated: Buffer) => (part === 'text' ? Buffer.from(mutated.toString()) : mutated);
    return { bytes: leaf.bytes, send: (mutated) => send(framed(leaf.with(value(mutated)))) };
  }

  async #call(path: string, body: Buffer): Promise<string> {
    const connection = await this.#open();
    if (connection === undefined || connection.destroyed || connection.closed) return 'no connection';
    const stream = unfinishedCall(connection, callHead(path), body);
    stream.end();
    const isStream = streamPaths.includes(path);
    const { 'grpc-status': code } = await answerOf(stream, isStream ? streamMs : answerMs);
    const isOver = stream.closed || stream.readableEnded;
    if (!isOver) stream.close();
    if (code !== undefined) return grpcStatus[Number(code)] ?? `status ${Number(code)}`;
    if (isOver) return `reset ${stream.rstCode}`;
    if (!isStream) throw new Error(`no answer to ${path}`);
    return 'goes on';
  }

  async #open(): Promise<ClientHttp2Session | undefined> {
    const isSpent = this.#made % callsPerConnection === 0;
    const former = this.#connection;
    if (former !== undefined && !isSpent) {
      const connection = await former.catch(() => undefined);
      if (connection !== undefined && !connection.closed && !connection.destroyed) return connection;
    }
    if (this.#connection === former) {
      this.#connection = openConnection(this.#port);
      if (former !== undefined) void former.then((connection) => connection.close()).catch(() => undefined);
    }
    return this.#connection?.catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#recorded[Symbol.asyncDispose]();
    (await this.#connection?.catch(() => undefined))?.destroy();
  }
}

/** Messages to the gRPC port, in calls that are well formed. */
export async function grpcTarget(): Promise<FuzzTarget> {
  return {
    settings: {},
    async inputs({ address }: ParleyServer) {
      return new Messages(portOf(address), await RecordedCalls.record(address));
    },
    async [Symbol.asyncDispose]() {},
  };
}
