import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import type { Kind } from '../../gen/chat/v1/content.ts';
import { Media } from '../../gen/chat/v1/content.ts';
import type {
  CreateUploadRequest,
  CreateUploadResponse,
  GetMediaRequest,
  GetMediaResponse,
} from '../../gen/chat/v1/media_service.ts';
import { MediaServiceService } from '../../gen/chat/v1/media_service.ts';
import type { ScriptedService } from './scripted-server.ts';

/** What a request to the store is answered with instead of what it asks for; `cut`: the connection breaks. */
export type Mishap = { readonly status: number; readonly body?: string } | 'cut';

/** Keeps media in memory behind real URLs, and has mishaps when a test asks for them. */
export class ScriptedMedia implements AsyncDisposable {
  readonly uploads: CreateUploadRequest[] = [];
  /** Whole bodies that came by PUT, with their media ids. */
  readonly puts: { readonly mediaId: string; readonly bytes: Buffer; readonly headers: IncomingMessage['headers'] }[] =
    [];
  readonly requests: string[] = [];
  /** Taken one by one by the next requests. */
  readonly mishaps: Mishap[] = [];
  readonly #objects = new Map<string, Buffer>();
  readonly #http: Server = createServer((request, response) => void this.#serve(request, response));

  async start(): Promise<this> {
    // Says 100 Continue only to what it would take.
    this.#http.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      if (this.mishaps.length === 0) response.writeContinue();
      void this.#serve(request, response);
    });
    await new Promise<void>((resolve) => this.#http.listen(0, '127.0.0.1', resolve));
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  /** Stores an object, as a reply names it. */
  store(kind: Kind, contentType: string, bytes: Buffer, more: Partial<Media> = {}): Media {
    const mediaId = randomUUID();
    this.#objects.set(mediaId, bytes);
    const sha256 = createHash('sha256').update(bytes).digest();
    const url = this.urlOf(mediaId);
    return Media.create({ kind, contentType, mediaId, url, sizeBytes: BigInt(bytes.length), sha256, ...more });
  }

  urlOf(mediaId: string): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}/media/${mediaId}`;
  }

  /** MediaService. */
  get service(): ScriptedService {
    return {
      definition: MediaServiceService,
      implementation: {
        createUpload: (
          { request }: ServerUnaryCall<CreateUploadRequest, CreateUploadResponse>,
          answer: sendUnaryData<CreateUploadResponse>,
        ) => {
          this.uploads.push(request);
          const mediaId = `upload-${this.uploads.length}`;
          const uploadHeaders = new Map([['content-type', request.contentType]]);
          answer(null, { mediaId, uploadUrl: this.urlOf(mediaId), uploadHeaders });
        },
        getMedia: (
          { request }: ServerUnaryCall<GetMediaRequest, GetMediaResponse>,
          answer: sendUnaryData<GetMediaResponse>,
        ) => answer(null, { media: Media.create({ mediaId: request.mediaId, url: this.urlOf(request.mediaId) }) }),
      },
    };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests.push(`${request.method} ${request.url}`);
    const mishap = this.mishaps.shift();
    if (mishap === 'cut') request.socket.destroy();
    else if (mishap !== undefined) response.writeHead(mishap.status, { connection: 'close' }).end(mishap.body);
    else if (request.method === 'PUT') await this.#take(request, response);
    else this.#give(request, response);
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const mediaId = idIn(request);
    const bytes = await buffer(request).catch(() => undefined);
    // Half of it is nothing.
    if (bytes === undefined) return;
    this.puts.push({ mediaId, bytes, headers: request.headers });
    response.writeHead(201).end();
  }

  #give(request: IncomingMessage, response: ServerResponse): void {
    const bytes = this.#objects.get(idIn(request));
    if (bytes === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
  }
}

function idIn({ url = '' }: IncomingMessage): string {
  return url.slice(url.lastIndexOf('/') + 1);
}
