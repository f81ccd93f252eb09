/**
 * `node src/testing/attacks/attackers.ts GRPC_PORT HTTP_PORT CONNECTIONS BEGIN_MS MILLISECONDS [WAY…]`: so many connections attack a server at once, each in one of
 * the ways below, or of those named, each from an address of its own; one that the server ends begins anew. Prints how many were begun in each way, as JSON.
 */
import type { ClientHttp2Session } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { attackFrom } from './attacker-process.ts';
import { answerOf, callHead, framed, openConnection, unfinishedCall } from './calls.ts';
import { callFields, flags, frame, frameTypes, preface, word } from './http2-frames.ts';
import { flood, HeldConnections } from './sockets.ts';

const [grpcPort, httpPort, connections, beginMs, durationMs] = process.argv.slice(2, 7).map(Number) as [
  number,
  number,
  number,
  number,
  number,
];
/** An attacker that was thrown out comes back so soon. */
const againMs = 500;
const send = '/chat.v1.ChatService/Send';
const chat = '/chat.v1.ChatService/Chat';
/** A million bytes of one letter: 1 KB of gzip. */
const inflated = gzipSync(Buffer.alloc(1_000_000, 'x'));
const bodyBytes = 256 * 1_024;

const left = () => Math.max(0, beginMs + durationMs - Date.now());

async function held(localAddress: string, port: number, first?: Uint8Array | string): Promise<void> {
  using connection = await HeldConnections.open({
    port,
    count: 1,
    localAddress,
    ...(first !== undefined && { first }),
  });
  while (left() > 0 && connection.open > 0) await sleep(Math.min(100, left()));
}

/** Until the server closes the connection, or all of these calls are over. */
async function onConnection(
  localAddress: string,
  calls: (session: ClientHttp2Session) => readonly Promise<unknown>[],
): Promise<void> {
  const session = await Promise.race([openConnection(grpcPort, localAddress), sleep(Math.min(2_000, left()))]);
  if (session === undefined) return;
  await Promise.race([Promise.all(calls(session)), sleep(left())]);
  session.destroy();
}

function calls(count: number, head: ReturnType<typeof callHead>, body: Buffer) {
  return (session: ClientHttp2Session) =>
    Array.from({ length: count }, () => answerOf(unfinishedCall(session, head, body), left()));
}

/** Calls that are reset at once, more of them than the server stands. */
function resets(localAddress: string): Promise<unknown> {
  let stream = -1;
  const next = () => {
    stream += 2;
    const opened = frame(frameTypes.headers, flags.endHeaders, stream, callFields(chat));
    return Buffer.concat([opened, frame(frameTypes.reset, flags.none, stream, word(8))]);
  };
  return flood({ port: grpcPort, first: preface, next, maxBytes: 256 * 1_024, localAddress });
}

const ways: Readonly<Record<string, (localAddress: string) => Promise<unknown>>> = {
  'say nothing, gRPC': (from) => held(from, grpcPort),
  'say nothing, HTTP': (from) => held(from, httpPort),
  'a head that does not end': (from) => held(from, httpPort, 'GET /healthz HTTP/1.1\r\nhost: a\r\nx-slow: '),
  'a preface and no call': (from) => held(from, grpcPort, preface),
  'requests that do not end': (from) =>
    onConnection(from, calls(10, callHead(send), framed(Buffer.alloc(bodyBytes)).subarray(0, -1))),
  'compressed requests': (from) =>
    onConnection(from, calls(10, callHead(send, { 'grpc-encoding': 'gzip' }), framed(inflated, true))),
  'chat streams without a Hello': (from) => onConnection(from, calls(10, callHead(chat), Buffer.alloc(0))),
  'calls that are reset': resets,
};

const begun: Record<string, number> = {};

async function attack(name: string, way: () => Promise<unknown>): Promise<void> {
  // Not all in the same moment.
  await sleep(Math.random() * againMs);
  while (left() > 0) {
    begun[name] = (begun[name] ?? 0) + 1;
    await way().catch(() => undefined);
    await sleep(Math.min(againMs, left()));
  }
}

const chosen = process.argv.slice(7);
const names = Object.keys(ways).filter((name) => chosen.length === 0 || chosen.includes(name));
if (names.length === 0) throw new Error(`there is no such way; there are: ${Object.keys(ways).join('; ')}`);
await attackFrom(beginMs);
await Promise.all(
  Array.from({ length: connections }, (_, index) => {
    const name = names[index % names.length] as string;
    return attack(name, () => ways[name]?.(`127.1.${index >> 8}.${index & 255}`) ?? Promise.resolve());
  }),
);
process.stdout.write(`${JSON.stringify(begun)}\n`);
// Whatever the server has not answered is not waited for.
process.exit();
