import { createServer, type Server, type ServerResponse } from 'node:http';

/** What the HTTP port answers. */
export interface HttpDoorDeps {
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  /** Ready for clients: not while starting, catching up or draining. */
  readonly isReady: () => boolean;
  readonly onError: (error: unknown) => void;
}

/** A request's headers must come within this; nothing here takes a body. */
const headersTimeoutMs = 10_000;

/** `/metrics` for Prometheus, `/healthz` (the process lives) and `/readyz` (it takes clients). Not yet listening. */
export function createHttpDoor(deps: HttpDoorDeps): Server {
  return createServer({ headersTimeout: headersTimeoutMs, requestTimeout: headersTimeoutMs }, (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(response, 405, 'GET only\n');
    switch (new URL(request.url ?? '/', 'http://door').pathname) {
      case '/healthz':
        return answer(response, 200, 'ok\n');
      case '/readyz':
        return deps.isReady() ? answer(response, 200, 'ready\n') : answer(response, 503, 'not ready\n');
      case '/metrics':
        return tellMetrics(deps, response);
      default:
        return answer(response, 404, 'There is /metrics, /healthz and /readyz here; chat is on the gRPC port.\n');
    }
  });
}

function tellMetrics({ metrics, onError }: HttpDoorDeps, response: ServerResponse): void {
  metrics().then(
    ({ contentType, text }) => answer(response, 200, text, contentType),
    (error: unknown) => {
      onError(error);
      answer(response, 503, 'the metrics cannot be read now\n');
    },
  );
}

function answer(
  response: ServerResponse,
  status: number,
  text: string,
  contentType = 'text/plain; charset=utf-8',
): void {
  response.writeHead(status, {
    'content-type': contentType,
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  });
  response.end(text);
}
