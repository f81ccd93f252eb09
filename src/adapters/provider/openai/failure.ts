import { ProviderError } from '../../../ports/provider.ts';

/** Enough to tell an operator what is wrong; more would be the user's own text as often as not. */
const maxMessageChars = 200;

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

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Request time-out, too early, too many requests, and faults of the server may pass; other refusals will not. */
function statusIsRetryable(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

/** One line of bounded length, without the key and without anything that looks like one. */
function presentable(message: string, apiKey: string | undefined): string {
  const line = message.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
  const keyless = apiKey === undefined ? line : line.replaceAll(apiKey, '[key]');
  return keyless
    .replace(/\b(?:sk-|Bearer )\S+/g, '[key]')
    .slice(0, maxMessageChars)
    .toWellFormed();
}

/** The message in `{error: {message}}`, `{error: '…'}`, `{message}` or `{detail}`: servers disagree. */
function messageIn(body: unknown): string {
  if (!isRecord(body)) return '';
  const { error, message, detail } = body;
  if (isRecord(error)) return messageIn(error);
  return [error, message, detail].find((said) => typeof said === 'string') ?? '';
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

  constructor(status: number, said: string, retryAfterMs: number | undefined) {
    super(said === '' ? `HTTP ${status}` : `HTTP ${status}: ${said}`, statusIsRetryable(status), retryAfterMs);
    this.status = status;
  }
}

/** The refusal in an answer with a status that is not 200. */
export function httpFailure(
  { status, headers }: Response,
  body: string,
  apiKey: string | undefined,
  nowMs: number,
): HttpRefusal {
  const said = presentable(messageIn(parsed(body)), apiKey);
  return new HttpRefusal(status, said, retryAfterMs(headers.get('retry-after'), nowMs));
}

/** An error object within a stream that had begun with status 200: `code` is a status or a name, `type` a name. */
export function streamFailure(error: unknown, apiKey: string | undefined): ProviderError {
  const { code, type } = isRecord(error) ? error : {};
  const status = typeof code === 'number' ? code : undefined;
  const named = [code, type].some((name) => typeof name === 'string' && permanentFaults.has(name));
  const said = presentable(messageIn({ error }), apiKey);
  return new ProviderError(
    `error in the stream: ${said === '' ? 'not described' : said}`,
    status === undefined ? !named : statusIsRetryable(status),
  );
}

/** Waits for the network; its errors name a code such as ECONNREFUSED, if anything. */
export async function overNetwork<T>(operation: Promise<T>): Promise<T> {
  try {
    return await operation;
  } catch (cause) {
    const origin = isRecord(cause) && isRecord(cause['cause']) ? cause['cause'] : cause;
    const code = isRecord(origin) && typeof origin['code'] === 'string' ? `: ${origin['code']}` : '';
    throw new ProviderError(`the connection to the provider failed${code}`, true, undefined, { cause });
  }
}
