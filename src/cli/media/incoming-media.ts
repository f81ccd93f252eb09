import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Media } from '../../client/gen/chat/v1/content_pb.js';
import { retrying } from '../../client/retry.ts';
import { TransferFailed } from '../../client/transfer-failed.ts';
import { connect, type Endpoint } from '../endpoint.ts';
import { localTime } from '../show.ts';
import { systemWords, Trouble } from '../trouble.ts';
import { endingFor, wordFor } from './formats.ts';
import type { ShowProgress } from './progress.ts';
import { progressOf } from './progress.ts';
import { fetchInto } from './transfer.ts';

/** Before each further attempt to fetch media, some 2 s in all: a person waits for the reply. */
const WAITS_MS = [250, 500, 1_000] as const;
/** More media of one second than anybody gets. */
const MAX_SAME_NAMES = 10_000;

/** Where received media are put. */
export interface MediaFolderOptions {
  readonly folder: string;
  /** For the names of the files: IANA. */
  readonly timeZone: string;
  readonly endpoint: Endpoint;
  readonly show: ShowProgress;
}

/** A folder in which received media are kept, under names by time and kind. What is there is never written over. */
export class MediaFolder {
  readonly #options: MediaFolderOptions;

  constructor(options: MediaFolderOptions) {
    this.#options = options;
  }

  /**
   * Keeps one media object, checked against the size and hash that came with it. One that is there already stays.
   * @param time when it was said
   * @returns the path of the file
   * @throws Trouble, TransferFailed, Refusal
   */
  async save(media: Media, time: Date, signal?: AbortSignal): Promise<string> {
    const partial = join(this.#options.folder, `.${randomUUID()}.part`);
    try {
      const claimed = await this.#claim(media, time);
      if (claimed.isThere) return claimed.path;
      await this.#fill(partial, claimed.path, media, signal);
      return claimed.path;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
      throw new Trouble(`${this.#options.folder} cannot be written: ${systemWords(error)}.`);
    }
  }

  /** A name of its own, made as an empty file so that nobody else takes it; or the file that holds the same already. */
  async #claim(media: Media, time: Date): Promise<{ readonly path: string; readonly isThere: boolean }> {
    const { folder, timeZone } = this.#options;
    await mkdir(folder, { recursive: true });
    const stamp = localTime(time, timeZone).replaceAll(':', '').replace(' ', '-');
    for (let number = 1; number <= MAX_SAME_NAMES; number += 1) {
      const path = join(folder, `${stamp}-${wordFor(media.kind)}-${number}.${endingFor(media.contentType)}`);
      if (await make(path)) return { path, isThere: false };
      if (await holds(path, media)) return { path, isThere: true };
    }
    throw new Trouble(`${folder} is full of media of ${stamp}.`);
  }

  /** Under the final name there is never half of it. */
  async #fill(partial: string, path: string, media: Media, signal: AbortSignal | undefined): Promise<void> {
    try {
      if (media.inlineData.length > 0) await writeFile(partial, media.inlineData);
      else await this.#download(partial, media, signal);
      await checkWhole(partial, media);
      await rename(partial, path);
    } catch (error) {
      await rm(partial, { force: true });
      await rm(path, { force: true });
      throw error;
    }
  }

  async #download(partial: string, media: Media, signal: AbortSignal | undefined): Promise<void> {
    const { endpoint, show } = this.#options;
    const progress = progressOf(`fetching ${wordFor(media.kind)}`, Number(media.sizeBytes), show);
    let { url } = media;
    const attempt = async (): Promise<void> => {
      const options = { tls: endpoint.tls, signal, onProgress: progress.to };
      await fetchInto(url, () => createWriteStream(partial), options);
    };
    try {
      // The server's clock decides whether it has expired; ours may be wrong.
      await retrying(attempt, signal, WAITS_MS).catch(async (error: unknown) => {
        if (!(error instanceof TransferFailed) || !error.needsFreshUrl) throw error;
        url = await this.#freshUrl(media.mediaId);
        await retrying(attempt, signal, WAITS_MS);
      });
    } finally {
      progress.end();
    }
  }

  async #freshUrl(mediaId: string): Promise<string> {
    using parley = connect(this.#options.endpoint);
    const { media } = await parley.media.getMedia({ mediaId });
    return media?.url ?? '';
  }
}

/** Makes an empty file. @returns false when there is one of the name */
async function make(path: string): Promise<boolean> {
  try {
    await (await open(path, 'wx')).close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Whether the file is this object. Without a hash nobody can tell. */
async function holds(path: string, { sizeBytes, sha256 }: Media): Promise<boolean> {
  if (sha256.length === 0 || (await stat(path)).size !== Number(sizeBytes)) return false;
  return (await hashOf(path)).equals(sha256);
}

async function checkWhole(path: string, { sizeBytes, sha256 }: Media): Promise<void> {
  const { size } = await stat(path);
  if (sizeBytes !== 0n && size !== Number(sizeBytes))
    throw new Trouble(`${size} bytes came instead of ${sizeBytes}; nothing was kept.`);
  if (sha256.length !== 0 && !(await hashOf(path)).equals(sha256))
    throw new Trouble('The bytes that came are not those that were sent (SHA-256); nothing was kept.');
}

async function hashOf(path: string): Promise<Buffer> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest();
}
