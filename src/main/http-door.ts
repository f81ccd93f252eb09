import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import type { GrpcWebDoor } from '../../gateway/door/grpc-web.ts';
import { transportHeaders } from '../../gateway/door/origins.ts';
import type { StaticFiles } from '../../gateway/door/static-files.ts';
import { systemClock } from '../adapters/node/system-clock.ts';
import type { Readiness } from '../app/gateway/readiness.ts';
import { connectionSweepMs, maxHeaderBytes, requestHeadMs } from '../domain/connection-limits.ts';
import type { CertificateFiles } from './certificate-files.ts';
import type { ConnectionGate } from './connection-gate.ts';
import { http2Options } from './http2-options.ts';

/** What the HTTP port answers. */
export interface HttpDoorDeps {
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  /** Ready for clients: not while starting, draining, or unable to open sessions. */
  readonly readiness: () => Promise<Readiness>;
  /** Everything under `/media/`: it answers any method, and minds its own time limits. undefined: media are elsewhere. */
  readonly media: ((request: IncomingMessage, response: ServerResponse) => Promise<void>) | undefined;
  /** What browsers make calls by; undefined: they make none here. */
  readonly grpcWeb: GrpcWebDoor | undefined;
  /** The web client; why there is none. */
  readonly page: StaticFiles | string;
  /** The API's page, as HTML; undefined: it is not shown. */
  readonly apiPage: (() => Promise<string>) | undefined;
  readonly onError: (error: unknown, what: string) => void;
  /** undefined: without TLS. */
  readonly certificates: CertificateFiles | undefined;
  /** Browsers that have come by TLS come to subdomains by TLS alone, too. */
  readonly hstsSubdomains: boolean;
  readonly gate: ConnectionGate;
  readonly maxStreamsPerConnection: number;
}

/** The HTTP port's server. */
export interface HttpDoor {
  readonly server: Server | Http2SecureServer;
  /** Takes nothing more; what is being answered has so long to go out. */
  end(lastWordsMs: number): Promise<void>;
}

/** Clients that vanished without a word are noticed by their connection, this long after the last word. */
const silenceMs = 60_000;

/** Bodies come for media and calls, whose handlers look after them. */
const options: ServerOptions = {
  headersTimeout: requestHeadMs,
  connectionsCheckingInterval: connectionSweepMs,
  maxHeaderSize: maxHeaderBytes,
  requestTimeout: 0,
  keepAlive: true,
  keepAliveInitialDelay: silenceMs,
};

/**
 * The web client and the calls that it makes, `/media/…`, `/docs`, `/metrics` for Prometheus, `/healthz` (the process lives) and `/readyz` (it
 * takes clients). Not yet listening.
 */
export function createHttpDoor(deps: HttpDoorDeps): HttpDoor {
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    if (request.httpVersionMajor === 1) deps.gate.hasAsked(request.socket);
    answer(deps, request, response).catch((error: unknown) => {
      deps.onError(error, `${request.method} failed`);
      if (response.headersSent) response.destroy();
      else say(response, 500, 'internal error\n');
    });
  };
  const server = serverFor(deps, listener);
  deps.gate.guard(server);
  return { server, end: endOf(server, deps.gate) };
}

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/** With TLS, browsers choose HTTP/2: one connection holds more than six calls. Its requests and responses offer what HTTP/1's do. */
function serverFor(
  { certificates, gate, maxStreamsPerConnection }: HttpDoorDeps,
  listener: Listener,
): HttpDoor['server'] {
  // A client that asks before it sends a body is answered by the handler: it may refuse, and the body never comes.
  if (certificates === undefined) return createServer(options, listener).on('checkContinue', listener);
  const http2 = http2Options(maxStreamsPerConnection);
  const server = createSecureServer({ ...http2, ...options, ...certificates.httpsOptions, allowHTTP1: true });
  gate.watchSessions(server);
  for (const event of ['request', 'checkContinue']) server.on(event, listener);
  // Node leaves the errors of these sockets to whoever made the server: one that is reset would end the process.
  server.on('secureConnection', (socket) => socket.on('error', () => undefined));
  certificates.keepFresh(server);
  return server;
}

function endOf(server: HttpDoor['server'], gate: ConnectionGate): HttpDoor['end'] {
  return async (lastWordsMs) => {
    if (!server.listening) return;
    const waiting = new AbortController();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    await Promise.race([closed, systemClock.sleep(lastWordsMs, waiting.signal).catch(() => undefined)]);
    waiting.abort();
    gate.closeAll();
  };
}

async function answer(deps: HttpDoorDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const transport = deps.certificates === undefined ? {} : transportHeaders(request, deps.hstsSubdomains);
  for (const [name, value] of Object.entries(transport)) response.setHeader(name, value);
  const path = pathOf(request);
  if (deps.media && path?.startsWith('/media/')) return deps.media(request, response);
  if (deps.grpcWeb?.takes(request)) return deps.grpcWeb.handle(request, response);
  // Only media and calls have bodies: another one is not waited for.
  if (hasBody(request) && request.httpVersionMajor === 1) response.setHeader('connection', 'close');
  if (request.method !== 'GET' && request.method !== 'HEAD') return say(response, 405, 'GET only\n');
  switch (path) {
    case '/healthz':
      return say(response, 200, 'ok\n');
    case '/readyz':
      return tellReadiness(deps, response);
    case '/metrics':
      return tellMetrics(deps, response);
    case '/docs':
      if (deps.apiPage === undefined) return showPage(deps, request, response, path);
      return say(response, 200, await deps.apiPage(), 'text/html; charset=utf-8');
    default:
      return showPage(deps, request, response, path);
  }
}

function showPage(deps: HttpDoorDeps, request: IncomingMessage, response: ServerResponse, path = ''): void {
  const { page, apiPage } = deps;
  const docs = apiPage === undefined ? '' : '/docs, ';
  const elsewhere = `${docs}/metrics, /healthz and /readyz here`;
  if (typeof page === 'string') return say(response, path === '/' ? 200 : 404, `There is ${elsewhere}; ${page}\n`);
  if (!page(request, response, path))
    say(response, 404, `Nothing is at this path. The chat page is at /; there are ${elsewhere}.\n`);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** undefined for what is no URL. */
function pathOf({ url }: IncomingMessage): string | undefined {
  return URL.parse(url ?? '/', 'http://door')?.pathname;
}

async function tellReadiness({ readiness }: HttpDoorDeps, response: ServerResponse): Promise<void> {
  const { isReady, text } = await readiness();
  say(response, isReady ? 200 : 503, `${text}\n`);
}

async function tellMetrics({ metrics, onError }: HttpDoorDeps, response: ServerResponse): Promise<void> {
  try {
    const { contentType, text } = await metrics();
    say(response, 200, text, contentType);
  } catch (error) {
    onError(error, 'the metrics cannot be read');
    say(response, 503, 'the metrics cannot be read now\n');
  }
}

/** What is no page runs nothing, fetches nothing and stands in no frame, whatever a browser takes it for; the API's page has its styles in itself. */
const nothingRuns =
  "default-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const ownStyles = `${nothingRuns}; style-src 'unsafe-inline'`;

function say(response: ServerResponse, status: number, text: string, contentType = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, {
    'content-type': contentType,
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    'content-security-policy': contentType.startsWith('text/html') ? ownStyles : nothingRuns,
  });
  response.end(text);
}
