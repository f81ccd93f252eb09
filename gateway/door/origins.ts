import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** Which web pages may call. */
export interface OriginRules {
  /** Exact origins of pages that are served elsewhere. */
  readonly others: readonly string[];
  /** Whether this port speaks TLS itself. */
  readonly secure: boolean;
  /**
   * Names under which pages of this port are reached, where calls need no credentials. Any other name may be one that a stranger's page has had
   * pointed to this machine (DNS rebinding). undefined: calls need credentials, which such a page has not.
   */
  readonly ownNames: readonly string[] | undefined;
}

/** Request headers that a page may send; others no browser sends for it. */
const requestHeaders = 'authorization, content-type, grpc-timeout, traceparent, tracestate, x-grpc-web, x-user-agent';

const exposedHeaders = 'grpc-status, grpc-message, grpc-status-details-bin';

/** For which a browser need not ask again. */
const preflightMaxAgeS = 7_200;

/**
 * Why the page that makes the request may not; undefined: it may, or no page makes it. What is refused here is refused whether or not a browser
 * asked first: a page of any site can reach a server on its visitor's own machine.
 */
export function originProblem(rules: OriginRules, request: IncomingMessage): string | undefined {
  const { origin } = request.headers;
  if (origin === undefined || rules.others.includes(origin)) return undefined;
  const host = hostOf(request);
  const schemes = rules.secure ? ['https'] : ['http', 'https'];
  if (!schemes.some((scheme) => origin === `${scheme}://${host}`))
    return `pages of ${origin} may not call here; PARLEY_WEB_ORIGINS names those that may`;
  const name = URL.parse(origin)?.hostname ?? '';
  if (rules.ownNames === undefined || isOwnName(name, rules.ownNames)) return undefined;
  return `${name} is no name of this server that it knows; PARLEY_HTTP_PUBLIC_URL or PARLEY_WEB_ORIGINS can say so`;
}

/** Headers that let a page of another origin read the answer. */
export function corsHeaders({ others }: OriginRules, { headers }: IncomingMessage): Record<string, string> {
  const vary: Record<string, string> = others.length === 0 ? {} : { vary: 'origin' };
  if (headers.origin === undefined || !others.includes(headers.origin)) return vary;
  return {
    ...vary,
    'access-control-allow-origin': headers.origin,
    'access-control-expose-headers': exposedHeaders,
  };
}

/** What a browser that asks first is told, beside those. */
export const preflightHeaders = {
  'access-control-allow-methods': 'POST',
  'access-control-allow-headers': requestHeaders,
  'access-control-max-age': String(preflightMaxAgeS),
} as const;

/** Whoever has come once comes by TLS from then on, also when a link says otherwise: for a year. */
const alwaysByTls = 'max-age=31536000';

/**
 * Headers of every answer of a port that speaks TLS; `subdomains`: those of this name are meant, too. Not under localhost, where browsers would ask whatever else listens on this machine by TLS
 * as well; for addresses they ignore them.
 */
export function transportHeaders(request: IncomingMessage, subdomains: boolean): Record<string, string> {
  const name = hostOf(request)?.replace(/:\d+$/, '') ?? '';
  if (isLocalhost(name)) return {};
  return { 'strict-transport-security': subdomains ? `${alwaysByTls}; includeSubDomains` : alwaysByTls };
}

/** HTTP/2 has it in a field of its own. */
function hostOf({ headers }: IncomingMessage): string | undefined {
  const { ':authority': authority = headers.host } = headers as Record<string, string | undefined>;
  return authority?.toLowerCase();
}

/** An address cannot be pointed elsewhere by a stranger, nor can the names of this machine alone. */
function isOwnName(name: string, names: readonly string[]): boolean {
  return isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0 || isLocalhost(name) || names.includes(name);
}

function isLocalhost(name: string): boolean {
  return /^(.+\.)?localhost$/.test(name);
}
