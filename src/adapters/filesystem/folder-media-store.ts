import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../ports/clock.ts';
import {
  isNoRoom,
  isPossible,
  type MediaObject,
  type MediaStore,
  MediaUnavailable,
  type MediaUsage,
  type StoredMedia,
} from '../../ports/media-store.ts';
import { answerEmpty, answerRefusal, ClientGone, HttpRefusal, hasBody, nothingHere, refusalOf } from './answers.ts';
import { type DownloadDeps, giveDownload } from './download.ts';
import { mapSystemError } from './errors.ts';
import { prepareFolder } from './layout.ts';
import { lingerMs, maxDownloads, maxUploads, maxUploadsPerOwner, preflightMaxAgeS, stallTimeoutMs } from './limits.ts';
import { ObjectFiles } from './object-files.ts';
import { Room, type RoomDeps } from './room.ts';
import { parseTarget, SignedUrls } from './signed-urls.ts';
import { Transfers } from './transfers.ts';
import { takeUpload, type UploadDeps } from './upload.ts';

export interface FolderMediaStoreOptions {
  /** Made if it is not there. One process at a time may use it: the data folder's lock sees to that. */
  readonly folder: string;
  /** The deployment's: a folder in it. */
  readonly prefix: string;
  /** The address that clients reach the handler at, without a slash at its end; asked for each URL. */
  readonly publicUrl: () => string;
  readonly clock: Clock;
  /** A larger upload is refused. */
  readonly maxObjectBytes: number;
  /** How much there may be. Default: as much as the disk takes. */
  readonly room?: Omit<RoomDeps, 'folder' | 'files'>;
  /** Told what goes wrong while a request is answered, and is no client's fault. */
  readonly onError: (error: unknown) => void;
  /** Others than those of limits.ts, for tests. */
  readonly limits?: Partial<TransferLimits>;
}

export interface TransferLimits {
  readonly stallTimeoutMs: number;
  readonly lingerMs: number;
  readonly maxUploads: number;
  readonly maxUploadsPerOwner: number;
  readonly maxDownloads: number;
}

/** A media store in a folder, with what answers its URLs. */
export interface FolderMediaStore extends MediaStore {
  /**
   * Answers a request for a path that begins with `/media/`: to be given what `request` and `checkContinue` of a node:http server emit. Never
   * rejects; resolves when the request is done with.
   */
  readonly handler: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
}

const defaultLimits: TransferLimits = { stallTimeoutMs, lingerMs, maxUploads, maxUploadsPerOwner, maxDownloads };

/** Opens the store, and removes what interrupted uploads have left. Rejects with MediaStoreTooNew, MediaStoreDamaged or MediaUnavailable. */
export async function openFolderMediaStore(options: FolderMediaStoreOptions): Promise<FolderMediaStore> {
  try {
    const { layout, urlKey } = await prepareFolder(options.folder, options.prefix);
    return new Store(options, new ObjectFiles(layout, options.clock), new SignedUrls(urlKey, options.prefix));
  } catch (error) {
    throw mapSystemError(error);
  }
}

class Store implements FolderMediaStore {
  readonly #publicUrl: () => string;
  readonly #files: ObjectFiles;
  readonly #urls: SignedUrls;
  readonly #deps: HandlerDeps;
  readonly #room: Room;
  /** The requests being answered. */
  readonly #open = new Map<ServerResponse, Promise<void>>();
  #isClosed = false;

  constructor(options: FolderMediaStoreOptions, files: ObjectFiles, urls: SignedUrls) {
    const limits = { ...defaultLimits, ...options.limits };
    this.#publicUrl = options.publicUrl;
    this.#files = files;
    this.#urls = urls;
    const room = new Room({ ...options.room, folder: options.folder, files });
    this.#room = room;
    this.#deps = {
      files,
      room,
      urls,
      uploads: new Transfers(limits.maxUploads, limits.maxUploadsPerOwner),
      downloads: new Transfers(limits.maxDownloads),
      nowMs: () => options.clock.nowMs(),
      maxObjectBytes: options.maxObjectBytes,
      stallTimeoutMs: limits.stallTimeoutMs,
      lingerMs: limits.lingerMs,
      onError: options.onError,
    };
  }

  readonly handler = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (this.#isClosed) return void response.destroy();
    const done = handle(this.#deps, request, response);
    this.#open.set(response, done);
    await done.finally(() => this.#open.delete(response));
  };

  uploadUrl(object: MediaObject, expireTimeMs: number) {
    return this.#run(async () => {
      checkPossible(object);
      await this.#room.check(object);
      const url = this.#publicUrl() + this.#urls.upload(object, expireTimeMs);
      return { url, headers: { 'content-type': object.contentType } };
    });
  }

  downloadUrl(media: Pick<MediaObject, 'mediaId' | 'contentType'>, expireTimeMs: number): Promise<string> {
    return this.#run(async () => this.#publicUrl() + this.#urls.download(media, expireTimeMs));
  }

  put(object: MediaObject, bytes: Uint8Array): Promise<void> {
    return this.#run(async () => {
      checkPossible(object);
      using _room = await this.#room.take(object);
      using partial = this.#files.begin();
      await partial.write(bytes);
      if (bytes.length !== object.sizeBytes || partial.digest() !== object.sha256) {
        throw new RangeError(`the bytes are not those that ${object.mediaId} is described by`);
      }
      if ((await this.#files.keep(object, partial)) === 'stored') this.#room.added(object);
    });
  }

  stat(mediaId: string): Promise<StoredMedia | null> {
    return this.#run(() => this.#files.find(mediaId));
  }

  read(mediaId: string, range: { start: number; end: number } = { start: 0, end: Number.POSITIVE_INFINITY }) {
    return this.#run(async () => {
      const { file, media } = await this.#files.open(mediaId);
      await using _file = file;
      const start = Math.min(Math.max(0, range.start), media.sizeBytes);
      const bytes = new Uint8Array(Math.max(0, Math.min(range.end, media.sizeBytes) - start));
      for (let at = 0; at < bytes.length; ) {
        const { bytesRead } = await file.read(bytes, at, bytes.length - at, start + at);
        if (bytesRead === 0) throw new MediaUnavailable(`${mediaId} was cut short while it was read`);
        at += bytesRead;
      }
      return bytes;
    });
  }

  delete(mediaId: string): Promise<void> {
    return this.#run(async () => {
      await this.#room.counted();
      await this.#files.delete(mediaId, (media) => this.#room.removed(media));
    });
  }

  usageOf(ownerId: string): Promise<MediaUsage> {
    return this.#run(() => this.#room.usageOf(ownerId));
  }

  async *list(): AsyncGenerator<readonly StoredMedia[]> {
    const batches = this.#files.list();
    for (;;) {
      const { done, value } = await this.#run(() => batches.next());
      if (done) return;
      yield value;
    }
  }

  removePartial(olderThanMs: number): Promise<void> {
    return this.#run(() => this.#files.removePartial(olderThanMs));
  }

  /** Aborts transfers; resolves when none is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const response of this.#open.keys()) response.destroy();
    await Promise.all(this.#open.values());
    await this.#room.close();
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new MediaUnavailable('the media store is closed');
    try {
      return await work();
    } catch (error) {
      throw mapSystemError(error);
    }
  }
}

function checkPossible(object: MediaObject): void {
  if (!isPossible(object)) throw new RangeError(`${object.mediaId} is not described as an object can be`);
}

const methods = 'GET, HEAD, PUT, OPTIONS';

type HandlerDeps = UploadDeps &
  DownloadDeps & {
    /** Logs errors that are not the client's. */
    readonly onError: (error: unknown) => void;
  };

/** Answers one request. Never rejects. */
async function handle(deps: HandlerDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    await route(deps, request, response);
  } catch (error) {
    if (error instanceof ClientGone) return;
    const refusal = refusalOf(error);
    // That there is no room is counted; that the file system said so is news.
    if (refusal.status >= 500 && !(error instanceof HttpRefusal) && !isNoRoom(error)) deps.onError(error);
    // Half an object has gone out: only the end of the connection tells the client so.
    if (response.headersSent) response.destroy();
    else await answerRefusal(request, response, refusal, deps.lingerMs);
  }
}

async function route(deps: HandlerDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const target = parseTarget(request.url ?? '');
  if (target === undefined) throw nothingHere();
  if (request.method === 'PUT') return takeUpload(deps, target, request, response);
  // The body would not be read, and would block the connection.
  if (hasBody(request)) throw new HttpRefusal(400, 'FRAME_INVALID', 'Only a PUT has a body.');
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return giveDownload(deps, target, request, response);
    case 'OPTIONS':
      return answerEmpty(response, 204, {
        allow: methods,
        'access-control-allow-methods': methods,
        'access-control-allow-headers': 'Content-Type, Range, If-Range, If-None-Match',
        'access-control-max-age': preflightMaxAgeS,
      });
    default:
      throw new HttpRefusal(405, 'MEDIA_URL_INVALID', `There is ${methods} here.`, { allow: methods });
  }
}
