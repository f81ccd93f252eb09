import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2';
import { connect as connectSocket } from 'node:net';

/** The head of a call of gRPC. */
export function callHead(path: string, headers: OutgoingHttpHeaders = {}): OutgoingHttpHeaders {
  return { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers };
}

/** A message as gRPC frames it. */
export function framed(message: Uint8Array, isCompressed = false): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(isCompressed ? 1 : 0, 0);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** An HTTP/2 connection, once it knows the server's settings. Its errors are nobody's concern. `localAddress`: by default that of everybody else. */
export async function openConnection(port: number, localAddress?: string): Promise<ClientHttp2Session> {
  const session = connect(`http://127.0.0.1:${port}`, {
    maxSessionMemory: Number.MAX_SAFE_INTEGER,
    createConnection: () => connectSocket({ port, host: '127.0.0.1', ...(localAddress && { localAddress }) }),
  });
  session.on('error', () => undefined);
  await once(session, 'remoteSettings');
  return session;
}

/** Begins a call, sends this and does not end its request. */
export function unfinishedCall(
  session: ClientHttp2Session,
  head: OutgoingHttpHeaders,
  body: Buffer,
): ClientHttp2Stream {
  const stream = session.request(head);
  stream.on('error', () => undefined).resume();
  if (body.length > 0) stream.write(body);
  return stream;
}

/** What the call is answered with; nothing when it is reset, or not answered in time. */
export function answerOf(stream: ClientHttp2Stream, timeoutMs = 60_000): Promise<Readonly<Record<string, unknown>>> {
  let answer: Record<string, unknown> = {};
  const keep = (headers: Record<string, unknown>) => {
    answer = { ...answer, ...headers };
  };
  stream.on('response', keep).on('trailers', keep);
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(answer), timeoutMs);
    const over = () => {
      clearTimeout(timer);
      resolve(answer);
    };
    // Node's client does not close a stream that it is still sending on when the server has had enough of it.
    stream.once('end', over).once('close', over);
  });
}
