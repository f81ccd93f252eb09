import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import {
  bytesAnswer,
  echoAnswer,
  give,
  jsonAnswer,
  pictureAnswer,
  sample,
  type TestAnswer,
} from './openai-test-answers.ts';

/** A request for a reply as it came. */
export interface RecordedChatRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: {
    readonly model: string;
    readonly stream: boolean;
    readonly messages: readonly {
      readonly role: 'system' | 'user' | 'assistant';
      readonly content: string | readonly ContentPart[];
    }[];
  };
  /** The newest message: the text to answer. */
  readonly text: string;
}

/** A part of a message that is more than text. */
export interface ContentPart {
  readonly type: string;
  readonly text?: string;
  readonly image_url?: { readonly url: string };
}

/** The endpoints beside that for chat. */
export type MediaEndpoint = 'transcriptions' | 'speech' | 'images';

/** A request to one of them as it came. */
export interface RecordedMediaRequest {
  readonly endpoint: MediaEndpoint;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The fields of the JSON object or form. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Of a form. */
  readonly file?: { readonly name: string; readonly type: string; readonly bytes: Uint8Array };
}

/** One answer for all, one for each request in turn (the last one for all that follow), or as the function says. */
export type Script<R> = TestAnswer | readonly TestAnswer[] | ((request: R, index: number) => TestAnswer);
export type ChatScript = Script<RecordedChatRequest>;
export type MediaScripts = Readonly<Record<MediaEndpoint, Script<RecordedMediaRequest>>>;

export interface OpenAiTestServer extends AsyncDisposable {
  /** To be given to the provider. */
  readonly baseUrl: string;
  /** Every request for a reply so far, in order. */
  readonly requests: readonly RecordedChatRequest[];
  /** Every other request so far, in order. */
  readonly mediaRequests: readonly RecordedMediaRequest[];
  /** Responses under way. */
  openResponses(): number;
  /** Connections, idle ones included. */
  openConnections(): number;
  /** Connections that were ever made. */
  acceptedConnections(): number;
  /** Resolves when no response is under way; at once if so. */
  idle(): Promise<void>;
  /** Answers chats from now on by another script, from its beginning. */
  follow(script: ChatScript): void;
  /** The same of the other endpoints; those that are not named go on as without a script. */
  followMedia(scripts: Partial<MediaScripts>): void;
}

function answerOf<R>(script: Script<R>, request: R, index: number): TestAnswer {
  if (typeof script === 'function') return script(request, index);
  if ('kind' in script) return script;
  const answer = script[Math.min(index, script.length - 1)];
  if (answer === undefined) throw new Error('the script is empty');
  return answer;
}

const endpoints: Readonly<Record<string, MediaEndpoint>> = {
  '/v1/audio/transcriptions': 'transcriptions',
  '/v1/audio/speech': 'speech',
  '/v1/images/generations': 'images',
};

/** What a server without scripts hears, says and paints. */
const ordinary: MediaScripts = {
  transcriptions: ({ file }) => jsonAnswer({ text: `These are ${file?.bytes.length} bytes.` }),
  speech: () => bytesAnswer('audio/mpeg', sample('voice.mp3')),
  images: () => pictureAnswer(sample('picture.jpg')),
};

async function bodyOf(request: IncomingMessage): Promise<Buffer<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function chatRequest({ url = '', headers }: IncomingMessage, bytes: Buffer): RecordedChatRequest {
  const body = JSON.parse(bytes.toString('utf8')) as RecordedChatRequest['body'];
  const content = body.messages.at(-1)?.content ?? '';
  const text = typeof content === 'string' ? content : content.map((part) => part.text ?? '').join('');
  return { path: url, headers, body, text };
}

async function mediaRequest(
  endpoint: MediaEndpoint,
  { headers }: IncomingMessage,
  bytes: Buffer<ArrayBuffer>,
): Promise<RecordedMediaRequest> {
  if (endpoint !== 'transcriptions') return { endpoint, headers, fields: JSON.parse(bytes.toString('utf8')) };
  const type = headers['content-type'] ?? '';
  const { file, ...fields } = Object.fromEntries(
    await new Response(bytes, { headers: { 'content-type': type } }).formData(),
  );
  if (!(file instanceof File)) throw new Error('a form without a file');
  const content = new Uint8Array(await file.arrayBuffer());
  return { endpoint, headers, fields, file: { name: file.name, type: file.type, bytes: content } };
}

class ScriptedServer implements OpenAiTestServer {
  readonly requests: RecordedChatRequest[] = [];
  readonly mediaRequests: RecordedMediaRequest[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #responses = new Set<ServerResponse>();
  #script: ChatScript;
  #index = 0;
  #mediaScripts = ordinary;
  #mediaIndex: Readonly<Partial<Record<MediaEndpoint, number>>> = {};
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

  followMedia(scripts: Partial<MediaScripts>): void {
    this.#mediaScripts = { ...ordinary, ...scripts };
    this.#mediaIndex = {};
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
    const body = await bodyOf(request);
    const { pathname } = new URL(request.url ?? '', this.baseUrl);
    const endpoint = endpoints[pathname];
    if (endpoint !== undefined) return this.#answerMedia(await mediaRequest(endpoint, request, body), response);
    const record = chatRequest(request, body);
    this.requests.push(record);
    if (pathname !== '/v1/chat/completions') return give({ kind: 'status', status: 404 }, response);
    await give(answerOf(this.#script, record, this.#index++), response);
  }

  async #answerMedia(record: RecordedMediaRequest, response: ServerResponse): Promise<void> {
    this.mediaRequests.push(record);
    const { endpoint } = record;
    const index = this.#mediaIndex[endpoint] ?? 0;
    this.#mediaIndex = { ...this.#mediaIndex, [endpoint]: index + 1 };
    await give(answerOf(this.#mediaScripts[endpoint], record, index), response);
  }
}

/**
 * Starts a server on a free loopback port that speaks OpenAI's chat-completions stream, as the script says; without
 * one it repeats what it is told. Its other endpoints answer too: by samples, until `followMedia` says otherwise. For tests of the provider, of retries and of time limits.
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
