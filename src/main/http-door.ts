import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { CertificateFiles } from './certificate-files.ts';

/** What the HTTP port answers. */
export interface HttpDoorDeps {
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  /** Ready for clients: not while starting, catching up or draining. */
  readonly isReady: () => boolean;
  /** Everything under `/media/`: it answers any method, and minds its own time limits. undefined: media are elsewhere. */
  readonly media: ((request: IncomingMessage, response: ServerResponse) => Promise<void>) | undefined;
  /** The API's page, as HTML. */
  readonly apiPage: () => Promise<string>;
  readonly onError: (error: unknown, what: string) => void;
  /** undefined: without TLS. */
  readonly certificates: CertificateFiles | undefined;
}

/** A request's headers must come within this. Bodies only come for media, whose handler looks after them. */
const options: ServerOptions = { headersTimeout: 10_000, requestTimeout: 0 };

/** `/media/…`, `/docs`, `/metrics` for Prometheus, `/healthz` (the process lives) and `/readyz` (it takes clients). Not yet listening. */
export function createHttpDoor(deps: HttpDoorDeps): Server {
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    answer(deps, request, response).catch((error: unknown) => {
      deps.onError(error, `${request.method} failed`);
      if (response.headersSent) response.destroy();
      else say(response, 500, 'internal error\n');
    });
  };
  const { certificates } = deps;
  if (certificates === undefined) return withContinue(createServer(options, listener), listener);
  const server = createTlsServer({ ...options, ...certificates.httpsOptions }, listener);
  certificates.keepFresh(server);
  return withContinue(server, listener);
}

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/** A client that asks before it sends a body is answered by the handler: it may refuse, and the body never comes. */
function withContinue(server: Server, listener: Listener): Server {
  return server.on('checkContinue', listener);
}

async function answer(deps: HttpDoorDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = pathOf(request);
  if (deps.media && path?.startsWith('/media/')) return deps.media(request, response);
  // Only media have bodies: another one is not waited for.
  if (hasBody(request)) response.setHeader('connection', 'close');
  if (request.method !== 'GET' && request.method !== 'HEAD') return say(response, 405, 'GET only\n');
  switch (path) {
    case '/healthz':
      return say(response, 200, 'ok\n');
    case '/readyz':
      return deps.isReady() ? say(response, 200, 'ready\n') : say(response, 503, 'not ready\n');
    case '/metrics':
      return tellMetrics(deps, response);
    case '/docs':
      return say(response, 200, await deps.apiPage(), 'text/html; charset=utf-8');
    default:
      return say(response, 404, 'There is /docs, /metrics, /healthz and /readyz here; chat is on the gRPC port.\n');
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** undefined for what is no URL. */
function pathOf({ url }: IncomingMessage): string | undefined {
  return URL.parse(url ?? '/', 'http://door')?.pathname;
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

function say(response: ServerResponse, status: number, text: string, contentType = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, {
    'content-type': contentType,
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    ...(contentType.startsWith('text/html')
      ? { 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'" }
      : {}),
  });
  response.end(text);
}
