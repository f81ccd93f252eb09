import { randomUUID } from 'node:crypto';
import { type Client, createClient } from '@connectrpc/connect';
import { AccountService } from '../../src/client/gen/chat/v1/account_service_pb.js';
import { ChatService, type Welcome } from '../../src/client/gen/chat/v1/chat_service_pb.js';
import { grpc } from '../../src/client/node/grpc.ts';
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
  const { transport } = opened.adopt(grpc({ address }).connect(), (connection) => connection.close());
  const sessions: WaySession[] = [];
  for (const way of ways) sessions.push(await openWay(way, createClient(ChatService, transport), opened));
  // A first round for the compiler of V8.
  await inTurns(sessions, calls / 4, replies / 4);
  for (const { unaryMs, firstPieceMs } of sessions) unaryMs.length = firstPieceMs.length = 0;
  await inTurns(sessions, calls, replies);
  const figures = ({ unaryMs, firstPieceMs }: WaySession) => ({
    unaryMs: percentiles(unaryMs),
    firstPieceMs: percentiles(firstPieceMs),
  });
  return Object.fromEntries(sessions.map((session) => [session.name, figures(session)]));
}

async function inTurns(sessions: readonly WaySession[], calls: number, replies: number): Promise<void> {
  for (let call = 0; call < calls; call += 1) for (const session of sessions) await session.call();
  for (let reply = 0; reply < replies; reply += 1) for (const session of sessions) await session.ask();
}

type WaySession = Awaited<ReturnType<typeof openWay>>;

/**
 * One client with a session on one way, by the SDK's connection and generated calls alone: the chat above them costs the same on every way. It is left with
 * what is `opened`.
 */
async function openWay(
  { name, address, protocol }: Way,
  sender: Client<typeof ChatService>,
  opened: AsyncDisposableStack,
) {
  const connection = (protocol === 'grpc' ? grpc({ address }) : grpcWebInNode(`http://${address}`)).connect();
  const accounts = createClient(AccountService, connection.transport);
  const hello = { clientId: `bench-${randomUUID()}`, timeZone: 'Europe/Paris' };
  const events = createClient(ChatService, connection.transport).open({ hello })[Symbol.asyncIterator]();
  const next = async (kind: 'welcome' | 'replyDelta' | 'message') => {
    for (;;) {
      const { value, done } = await events.next();
      if (done) throw new Error(`${name}: the session has ended`);
      if (value.event?.event.case === kind) return value.event.event.value;
    }
  };
  const { sessionId } = (await next('welcome')) as Welcome;
  opened.defer(async () => {
    await sender.close({ sessionId });
    while (!(await events.next()).done);
    connection.close();
  });
  const unaryMs: number[] = [];
  const firstPieceMs: number[] = [];
  let sent = 0;
  return {
    name,
    unaryMs,
    firstPieceMs,
    async call() {
      const begun = performance.now();
      await accounts.describeSignIn({});
      unaryMs.push(performance.now() - begun);
    },
    /** Sends a message and waits until it is answered. */
    async ask() {
      sent += 1;
      const parts = [{ value: { case: 'text', value: 'And now?' } as const }];
      const begun = performance.now();
      const accepted = sender.send({ sessionId, message: { clientMessageId: `m${sent}`, parts } });
      await next('replyDelta');
      firstPieceMs.push(performance.now() - begun);
      await Promise.all([next('message'), accepted]);
    },
  };
}
