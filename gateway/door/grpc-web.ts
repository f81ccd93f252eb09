import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ClientHttp2Stream, constants, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import type { Duplex } from 'node:stream';
import { framingProblem, maxBodyBytes, type Status, trailersFrame, trailersOf } from './framing.ts';
import { InProcessConnection } from './in-process-connection.ts';
import { corsHeaders, type OriginRules, originProblem, preflightHeaders } from './origins.ts';
import { type BeginBody, endAfterRequest, isTooLarge, readBody } from './request-body.ts';

export interface GrpcWebDeps {
  /** Hands a connection to the gRPC server, as if it had been accepted. */
  readonly serve: (connection: Duplex) => void;
  /** Paths of the calls with one request, such as `/chat.v1.ChatService/Open`: browsers have no others. */
  readonly paths: ReadonlySet<string>;
  readonly maxMessageBytes: number;
  readonly origins: OriginRules;
  /** Metadata by which the server knows that a call came through this door, and where it says from whom. */
  readonly credentials: Readonly<Record<string, string>>;
  /** Who takes nothing for so long is cut off. */
  readonly stallMs?: number;
  /** Counts a request until it is complete. */
  readonly arriving: BeginBody;
  /** The status of a request whose bytes are none. */
  readonly malformed: (what: string) => Status;
}

/** What browsers make calls by. */
export interface GrpcWebDoor {
  /** Whether the request is for this door. */
  takes(request: IncomingMessage): boolean;
  /** Answers it. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

const contentType = /^application\/grpc-web(-text)?(\+proto)?$/;
const acceptsText = /(^|[\s,])application\/grpc-web-text(\+proto)?($|[\s,;])/;
const acceptedTypes = 'application/grpc-web+proto, application/grpc-web-text+proto';

/** Metadata that a browser may send. */
const passedOn = ['authorization', 'traceparent', 'tracestate', 'grpc-timeout'] as const;

/** Who takes nothing for so long has been cut by the server's own rule long before, and does not even take that. */
const defaultStallMs = 30_000;

/** Codes of gRPC that are told here. */
const codes = { resourceExhausted: 8, unimplemented: 12, unavailable: 14 } as const;

/**
 * gRPC-Web for a gRPC server in this process. A message has the same bytes in both, so they are passed on as they are; only the trailers, which
 * browsers cannot see, become a frame of the body. Who cannot read bytes as they come has them in base64, piece by piece. The call is cancelled when its
 * client is gone, and goes no faster than the client takes it.
 */
export function grpcWebDoor(deps: GrpcWebDeps): GrpcWebDoor {
  const connection = new InProcessConnection(deps.serve);
  return {
    takes: (request) => isCall(request),
    async handle(request, response) {
      const refusal = refusalOf(deps, request);
      if (refusal !== undefined) return tell(request, response, ...refusal);
      if (request.method === 'OPTIONS') {
        response.writeHead(204, { ...preflightHeaders, ...corsHeaders(deps.origins, request) }).end();
        return;
      }
      const gone = new AbortController();
      // Before anything is waited for: it may happen meanwhile.
      response.once('close', () => gone.abort());
      const body = await messageOf(deps, request, response);
      if (body === undefined || gone.signal.aborted) return;
      const form = formOf(deps, request);
      if (!Buffer.isBuffer(body)) return refuse(request, response, form, body);
      pass(connection, { deps, request, response, form, gone: gone.signal }, body);
    },
  };
}

function isCall({ method, url = '', headers }: IncomingMessage): boolean {
  if (/^\/[a-z][\w.]*\.[A-Z]\w*\/\w+$/.test(url)) return true;
  return method === 'POST' && contentType.test(headers['content-type'] ?? '');
}

type HttpRefusal = readonly [status: number, text: string, headers: Record<string, string>];

/** What is no call that may be made, as HTTP tells it. */
function refusalOf({ origins }: GrpcWebDeps, request: IncomingMessage): HttpRefusal | undefined {
  const problem = originProblem(origins, request);
  if (problem !== undefined) return [403, problem, {}];
  if (request.method === 'OPTIONS') return undefined;
  if (request.method !== 'POST') return [405, 'calls are made by POST', { allow: 'POST, OPTIONS' }];
  if (contentType.test(request.headers['content-type'] ?? '')) return undefined;
  return [415, `calls are made as one of ${acceptedTypes}`, { 'accept-post': acceptedTypes }];
}

/** The message that the server is to have; or the status that the call ends with; or, when the client is gone, nothing. */
async function messageOf(
  { paths, maxMessageBytes, arriving, malformed }: GrpcWebDeps,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Buffer | Status | undefined> {
  const { url = '', headers } = request;
  if (!paths.has(url)) return { code: codes.unimplemented, message: `The server has no call ${url} for browsers.` };
  const isBase64 = contentType.exec(headers['content-type'] ?? '')?.[1] !== undefined;
  const rules = { maxBytes: maxBodyBytes(maxMessageBytes), isBase64, begin: arriving };
  if (headers.expect !== undefined && !isTooLarge(request, rules)) response.writeContinue();
  const body = await readBody(request, rules);
  if (body === 'too large')
    return {
      code: codes.resourceExhausted,
      message: `A message may have ${maxMessageBytes} bytes, this one has more.`,
    };
  if (body === 'not base64')
    return malformed('the body must be base64, in groups of four characters, and nothing else');
  if (!Buffer.isBuffer(body)) return body;
  const problem = framingProblem(body);
  return problem === undefined ? body : malformed(problem);
}

/** How the frames of a response are sent. */
interface Form {
  readonly head: OutgoingHttpHeaders;
  /** Each piece by itself: a client reads it without those that follow. */
  readonly encode: (bytes: Buffer) => Buffer | string;
}

function formOf({ origins }: GrpcWebDeps, request: IncomingMessage): Form {
  const isText = acceptsText.test(request.headers.accept ?? '');
  return {
    head: {
      'content-type': isText ? 'application/grpc-web-text+proto' : 'application/grpc-web+proto',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...corsHeaders(origins, request),
    },
    encode: isText ? (bytes) => bytes.toString('base64') : (bytes) => bytes,
  };
}

/** Ends a call that the server never sees. */
function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  { head, encode }: Form,
  status: Status,
): Promise<void> {
  response.writeHead(200, { ...head, ...closing(request) });
  response.write(encode(trailersFrame(trailersOf(status))));
  return endAfterRequest(request, response);
}

function tell(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  text: string,
  headers: Record<string, string>,
): Promise<void> {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
    ...closing(request),
  });
  response.write(`${text}\n`);
  return endAfterRequest(request, response);
}

/** A body that nobody reads ends the connection; HTTP/2 ends the stream alone, by itself. */
function closing({ complete, httpVersionMajor }: IncomingMessage): Record<string, string> {
  return complete || httpVersionMajor > 1 ? {} : { connection: 'close' };
}

interface Call {
  readonly deps: GrpcWebDeps;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly form: Form;
  /** The client. */
  readonly gone: AbortSignal;
}

function pass(connection: InProcessConnection, { deps, request, response, form, gone }: Call, message: Buffer): void {
  const { stallMs = defaultStallMs } = deps;
  const call = connection.request(metadataOf(deps, request));
  let trailers: IncomingHttpHeaders | undefined;
  call.once('response', (headers) => {
    if (gone.aborted) return;
    // A call without a single message ends with its head.
    if (headers['grpc-status'] !== undefined) trailers = statusOf(headers);
    response.writeHead(200, form.head);
    // Not before: a message that comes with the head would be told first.
    pump(call, response, form, stallMs);
  });
  call.once('trailers', (headers) => {
    trailers = headers;
  });
  let isOver = false;
  const finish = () => {
    if (!isOver) end(response, form, trailers, stallMs);
    isOver = true;
  };
  call.once('end', () => trailers && finish());
  // What went wrong is told at its close, by the trailers that are missing.
  call.on('error', () => undefined).once('close', finish);
  gone.addEventListener('abort', () => {
    isOver = true;
    call.removeAllListeners('data').close(constants.NGHTTP2_CANCEL);
  });
  // It may be lost in the very moment that it is written to; its close says so.
  response.on('error', () => undefined);
  call.end(message);
}

/** As fast as the client takes it: meanwhile the server writes into a stream that is full, and counts how long. */
function pump(call: ClientHttp2Stream, response: ServerResponse, { encode }: Form, stallMs: number): void {
  let stalled: ReturnType<typeof setTimeout> | undefined;
  call.on('data', (chunk: Buffer) => {
    if (response.write(encode(chunk))) return;
    call.pause();
    stalled = setTimeout(() => response.destroy(), stallMs);
  });
  response.on('drain', () => {
    clearTimeout(stalled);
    call.resume();
  });
  response.once('close', () => clearTimeout(stalled));
}

function end(
  response: ServerResponse,
  { head, encode }: Form,
  trailers: IncomingHttpHeaders | undefined,
  stallMs: number,
): void {
  const last = trailers ?? trailersOf({ code: codes.unavailable, message: 'The call was cut off by the server.' });
  if (!response.headersSent) response.writeHead(200, head);
  response.end(encode(trailersFrame(last)));
  // Behind what was written before it: who does not take the one does not take the other.
  const stalled = setTimeout(() => response.destroy(), stallMs);
  response.once('close', () => clearTimeout(stalled));
}

function metadataOf({ credentials }: GrpcWebDeps, request: IncomingMessage): OutgoingHttpHeaders {
  const { 'x-forwarded-for': before } = request.headers;
  const from = [before ?? [], request.socket.remoteAddress ?? 'unknown'].flat();
  const metadata: Record<string, string | string[] | undefined> = {
    ':method': 'POST',
    ':path': request.url,
    'content-type': 'application/grpc+proto',
    te: 'trailers',
    'x-forwarded-for': from.join(', '),
    ...credentials,
  };
  for (const name of passedOn) metadata[name] = request.headers[name];
  return metadata;
}

function statusOf(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('grpc-')));
}
