import { ProviderError, type ProviderFault } from '../../ports/provider.ts';

/** No provider means longer, and a worker's timer could not count 2^31 ms or more. */
const maxRetryAfterMs = 3_600_000;

/** Faults of the request itself, as OpenAI and those who follow it name them: the same request would fail again. */
const permanentFaults = new Set([
  'invalid_request_error',
  'authentication_error',
  'permission_error',
  'not_found_error',
  'invalid_api_key',
  'insufficient_quota',
  'model_not_found',
  'context_length_exceeded',
  'content_filter',
]);

/** Too many requests for now, by the same names. */
const rateLimits = new Set(['rate_limit_error', 'rate_limit_exceeded']);

/** Faults that may pass, by the same names. */
const passingFaults = new Set([...rateLimits, 'overloaded_error', 'server_error', 'api_error', 'timeout_error']);

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** By status or name. A server whose path is wrong answers 404, too. */
function faultOf(status: number, body: unknown): ProviderFault | undefined {
  const names = namesIn(body).map(String);
  if (names.includes('insufficient_quota') || status === 402) return 'quota exceeded';
  if (names.includes('model_not_found') || status === 404) return 'model not found';
  if (status === 401 || status === 403) return 'access denied';
  return status === 429 || names.some((name) => rateLimits.has(name)) ? 'rate limited' : undefined;
}

/** Request time-out, too early, too many requests, and faults of the server may pass; other refusals will not. */
function statusIsRetryable(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

/** The names in `{error: {code, type}}` or `{code, type}`: servers disagree. */
function namesIn(body: unknown): readonly (string | number)[] {
  const described = isRecord(body) && isRecord(body['error']) ? body['error'] : body;
  const names = isRecord(described) ? [described['code'], described['type']] : [];
  return names.filter((name) => typeof name === 'string' || typeof name === 'number');
}

/**
 * All that is told of a refusal's body: errors are logged, and its message quotes what it refuses, the text of a user or a key. Any other name could be
 * such a text, too. '' when none is known.
 */
function kindIn(body: unknown): string {
  const known = namesIn(body).find((name) => permanentFaults.has(String(name)) || passingFaults.has(String(name)));
  return known === undefined ? '' : ` (${known})`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A proxy's HTML page: the status alone has to say it.
    return undefined;
  }
}

/** RFC 9110 §10.2.3: seconds, or a date. */
function retryAfterMs(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined;
  const value = header.trim();
  const ms = /^\d+(?:\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), maxRetryAfterMs);
}

/** An answer with a status that is not 200. */
export class HttpRefusal extends ProviderError {
  readonly status: number;
  /** It is about the wish to be told the usage, which the server does not know. */
  readonly isOfUsage: boolean;
  /** It is about the limit of the reply, which the server knows by another name. */
  readonly isOfOutputLimit: boolean;

  /** @param path where it came from, which tells a wrong base URL from a model that is not there */
  constructor(status: number, path: string, text: string, retryAfterMs: number | undefined) {
    const body = parsed(text);
    const fault = faultOf(status, body);
    const from = status === 404 ? ` from ${path}` : '';
    const mayPass = (fault === undefined || fault === 'rate limited') && statusIsRetryable(status);
    super(`HTTP ${status}${from}${kindIn(body)}`, mayPass, retryAfterMs, { fault });
    this.status = status;
    this.isOfUsage = text.includes('stream_options');
    this.isOfOutputLimit = text.includes('max_completion_tokens');
  }
}

/** The refusal in an answer with a status that is not 200. */
export function httpFailure({ status, headers, url }: Response, body: string, nowMs: number): HttpRefusal {
  return new HttpRefusal(status, URL.parse(url)?.pathname ?? '', body, retryAfterMs(headers.get('retry-after'), nowMs));
}

/** An error object within a stream that had begun with status 200: `code` is a status or a name, `type` a name. */
export function streamFailure(error: unknown): ProviderError {
  const names = namesIn(error);
  const status = names.find((name) => typeof name === 'number');
  const isPermanent = names.some((name) => permanentFaults.has(String(name)));
  const kind = status === undefined ? kindIn(error) : ` (${status})`;
  return new ProviderError(
    `error in the stream${kind}`,
    status === undefined ? !isPermanent : statusIsRetryable(status),
    undefined,
    { fault: faultOf(status ?? 200, error) },
  );
}

/** Waits for the network; its errors name the host, if it is given, and a code such as ECONNREFUSED, if there is one. */
export async function overNetwork<T>(operation: Promise<T>, host?: string): Promise<T> {
  try {
    return await operation;
  } catch (cause) {
    const origin = isRecord(cause) && isRecord(cause['cause']) ? cause['cause'] : cause;
    const code = isRecord(origin) && typeof origin['code'] === 'string' ? `: ${origin['code']}` : '';
    const where = host === undefined ? '' : ` at ${host}`;
    throw new ProviderError(`the connection to the provider${where} failed${code}`, true, undefined, { cause });
  }
}
