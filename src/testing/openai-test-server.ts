import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A request as it came. */
export interface RecordedChatRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: {
    readonly model: string;
    readonly stream: boolean;
    readonly messages: readonly { readonly role: 'system' | 'user' | 'assistant'; readonly content: string }[];
  };
  /** The newest message: the text to answer. */
  readonly text: string;
}

/** How the server answers a request. `pieces` come one event each, `intervalMs` (0) apart. */
export type ChatAnswer =
  /** A whole reply; `ending` (`both`): whether finish_reason, [DONE] or both say so. */
  | {
      readonly kind: 'reply';
      readonly pieces: readonly string[];
      readonly intervalMs?: number;
      readonly ending?: 'both' | 'finish_reason' | 'done';
    }
  /** The pieces, then the end of the response, orderly (`end`) or by a reset connection. */
  | { readonly kind: 'cut'; readonly pieces: readonly string[]; readonly by: 'end' | 'reset' }
  /** The pieces, then nothing, until the client gives up. Without `pieces` not even headers come. */
  | { readonly kind: 'stall'; readonly pieces?: readonly string[] }
  /** The pieces, then an event of this data, e.g. half a JSON object or an error object. */
  | { readonly kind: 'event'; readonly pieces: readonly string[]; readonly data: string }
  /** A refusal, e.g. 429 with Retry-After. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Iterable<string>;
      /** The connection closes after the body, whatever the headers promised. */
      readonly breaksOff?: boolean;
    }
  /** Status 200 and these bytes, each written by itself. */
  | {
      readonly kind: 'raw';
      readonly chunks: readonly (string | Uint8Array)[];
      readonly contentType?: string;
      readonly intervalMs?: number;
    };

/** One answer for all, one for each request in turn (the last one for all that follow), or as the function says. */
export type ChatScript =
  | ChatAnswer
  | readonly ChatAnswer[]
  | ((request: RecordedChatRequest, index: number) => ChatAnswer);

export interface OpenAiTestServer extends AsyncDisposable {
  /** To be given to the provider. */
  readonly baseUrl: string;
  /** Every request so far, in order. */
  readonly requests: readonly RecordedChatRequest[];
  /** Responses under way. */
  openResponses(): number;
  /** Connections, idle ones included. */
  openConnections(): number;
  /** Connections that were ever made. */
  acceptedConnections(): number;
  /** Resolves when no response is under way; at once if so. */
  idle(): Promise<void>;
  /** Answers from now on by another script, from its beginning. */
  follow(script: ChatScript): void;
}

/** The data of a chat.completion.chunk with this piece. */
export function chunkData(content: string): string {
  return JSON.stringify({
    id: 'chatcmpl-test',
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta: { content }, finish_reason: null }],
  });
}

const finishData = JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });

/** What a server without a script says: the words of the text, one piece each. */
export function echoAnswer(text: string): ChatAnswer & { readonly kind: 'reply' } {
  return { kind: 'reply', pieces: ['You said: ', ...(text.match(/\S+\s*/g) ?? [])] };
}

function answerOf(script: ChatScript, request: RecordedChatRequest, index: number): ChatAnswer {
  if (typeof script === 'function') return script(request, index);
  if ('kind' in script) return script;
  const answer = script[Math.min(index, script.length - 1)];
  if (answer === undefined) throw new Error('the script is empty');
  return answer;
}

async function recorded(request: IncomingMessage): Promise<RecordedChatRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as RecordedChatRequest['body'];
  return { path: request.url ?? '', headers: request.headers, body, text: body.messages.at(-1)?.content ?? '' };
}

/** Waits, but no longer than the response lives; leaves neither timer nor listener behind. */
async function whileOpen(response: ServerResponse, wait: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const over = new AbortController();
  const either = [wait(over.signal), once(response, 'close', { signal: over.signal })];
  await Promise.race(either).finally(() => over.abort());
}

async function writeAll(
  response: ServerResponse,
  chunks: Iterable<string | Uint8Array>,
  intervalMs: number,
): Promise<void> {
  let first = true;
  for (const chunk of chunks) {
    if (!first && intervalMs > 0) await whileOpen(response, (signal) => sleep(intervalMs, undefined, { signal }));
    first = false;
    if (response.destroyed) return;
    if (!response.write(chunk)) await whileOpen(response, (signal) => once(response, 'drain', { signal }));
  }
}

const event = (data: string) => `data: ${data}\n\n`;

async function stream(response: ServerResponse, pieces: readonly string[], intervalMs = 0): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  response.flushHeaders();
  await writeAll(
    response,
    pieces.map((piece) => event(chunkData(piece))),
    intervalMs,
  );
}

async function give(answer: ChatAnswer, response: ServerResponse): Promise<void> {
  switch (answer.kind) {
    case 'reply': {
      const { pieces, intervalMs, ending = 'both' } = answer;
      await stream(response, pieces, intervalMs);
      if (ending !== 'done') response.write(event(finishData));
      response.end(ending === 'finish_reason' ? '' : event('[DONE]'));
      return;
    }
    case 'cut':
      await stream(response, answer.pieces);
      if (answer.by === 'end') response.end();
      else response.socket?.resetAndDestroy();
      return;
    case 'stall':
      if (answer.pieces !== undefined) await stream(response, answer.pieces);
      return;
    case 'event':
      await stream(response, answer.pieces);
      response.end(event(answer.data));
      return;
    case 'status': {
      const { status, headers, body = '', breaksOff = false } = answer;
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      await writeAll(response, typeof body === 'string' ? [body] : body, 0);
      if (breaksOff) response.write('', () => response.socket?.destroy());
      else response.end();
      return;
    }
    case 'raw':
      response.writeHead(200, { 'content-type': answer.contentType ?? 'text/event-stream' });
      await writeAll(response, answer.chunks, answer.intervalMs ?? 0);
      response.end();
      return;
    default:
      answer satisfies never;
  }
}

class ScriptedServer implements OpenAiTestServer {
  readonly requests: RecordedChatRequest[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #responses = new Set<ServerResponse>();
  #script: ChatScript;
  #index = 0;
  #accepted = 0;

  constructor(script: ChatScript) {
    this.#script = script;
    this.#server = createServer((request, response) => this.#serve(request, response));
    this.#server.on('connection', (socket) => {
      this.#accepted++;
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  openResponses(): number {
    return this.#responses.size;
  }

  openConnections(): number {
    return this.#sockets.size;
  }

  acceptedConnections(): number {
    return this.#accepted;
  }

  async idle(): Promise<void> {
    while (this.#responses.size > 0) await Promise.all([...this.#responses].map((response) => once(response, 'close')));
  }

  follow(script: ChatScript): void {
    this.#script = script;
    this.#index = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    this.#responses.add(response);
    response.once('close', () => this.#responses.delete(response));
    this.#answer(request, response).catch((error: unknown) => {
      // A client that gave up takes the request with it; anything else is a fault of the test, shown to the client.
      if (!response.destroyed) response.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const record = await recorded(request);
    this.requests.push(record);
    if (!record.path.startsWith('/v1/chat/completions')) await give({ kind: 'status', status: 404 }, response);
    else await give(answerOf(this.#script, record, this.#index++), response);
  }
}

/**
 * Starts a server on a free loopback port that speaks OpenAI's chat-completions stream, as the script says; without
 * one it repeats what it is told. For tests of the provider, of retries and of time limits.
 */
export async function startOpenAiTestServer({
  script = ({ text }: RecordedChatRequest) => echoAnswer(text),
}: {
  readonly script?: ChatScript;
} = {}): Promise<OpenAiTestServer> {
  const server = new ScriptedServer(script);
  await server.listen();
  return server;
}
