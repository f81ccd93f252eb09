import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type MediaPart, mediaOf, type Part } from '../domain/conversation/events.ts';
import type { Dynamic } from './contract.ts';
import { conversationEntries, type Entry } from './log-oracle.ts';
import { mediaIn, objectBreach } from './sayings.ts';

const descriptionEnding = '.json';
/** Files that belong to the folder itself. */
const ownFiles: readonly string[] = ['url-key', 'version'];

/** What the media folder of a data folder holds, told without the code that wrote it. */
export interface MediaOnDisk {
  /** Objects by their id, with the length and hash of their bytes, and those of their description. */
  readonly objects: ReadonlyMap<string, ObjectOnDisk>;
  /** Files that are neither an object nor belong to the folder: halves, descriptions of nothing. */
  readonly strays: readonly string[];
}

export interface ObjectOnDisk {
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly description: { readonly sizeBytes: number; readonly sha256: string };
}

/** What counts in a partition, knowing only that events of an earlier claim, repeats, and what is of a deleted conversation do not. */
class NamedMedia {
  readonly #partsOf = new Map<string, { readonly conversationId: string; readonly parts: readonly Part[] }>();
  readonly #ended = new Set<string>();
  readonly #deleted = new Set<string>();
  #claim = '';

  take({ event }: Entry): void {
    switch (event.type) {
      case 'MessageReceived':
        this.#say(event.messageId, event);
        return;
      case 'WorkerClaimed':
        this.#claim = event.claimId;
        return;
      case 'ReplyCompleted':
        if (event.claimId !== this.#claim || this.#ended.has(event.messageId)) return;
        this.#ended.add(event.messageId);
        this.#say(event.replyMessageId, event);
        return;
      case 'ReplyFailed':
        if (event.claimId === this.#claim) this.#ended.add(event.messageId);
        return;
      case 'ConversationDeleted':
        this.#deleted.add(event.conversationId);
        return;
      default:
    }
  }

  #say(messageId: string, said: { readonly conversationId: string; readonly parts: readonly Part[] }): void {
    if (!this.#partsOf.has(messageId)) this.#partsOf.set(messageId, said);
  }

  get media(): readonly MediaPart[] {
    const living = [...this.#partsOf.values()].filter(({ conversationId }) => !this.#deleted.has(conversationId));
    return living.flatMap(({ parts }) => mediaOf(parts));
  }
}

/** What messages of living conversations name, by media id, from the log alone. */
export function namedMedia(partitions: readonly (readonly Entry[])[]): ReadonlyMap<string, MediaPart> {
  const all = partitions.flatMap((entries) => {
    const named = new NamedMedia();
    for (const entry of entries) named.take(entry);
    return named.media;
  });
  return new Map(all.map((media) => [media.mediaId, media]));
}

/** Every file of the media folder. To be asked when nobody writes there: what comes or goes meanwhile may make it reject. */
export async function mediaOnDisk(dataDir: string, prefix = 'parley'): Promise<MediaOnDisk> {
  const folder = join(dataDir, 'media');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  const left = new Set(files.filter((path) => !ownFiles.some((name) => path === join(folder, name))));
  const objects = new Map<string, ObjectOnDisk>();
  for (const description of [...left].filter((path) => path.endsWith(descriptionEnding))) {
    const path = description.slice(0, -descriptionEnding.length);
    const mediaId = path.slice(path.lastIndexOf('/') + 1);
    if (!left.has(path) || path !== join(folder, prefix, dayOf(mediaId), mediaId)) continue;
    const { size: sizeBytes, sha256 } = JSON.parse(await readFile(description, 'utf8'));
    objects.set(mediaId, { ...(await measured(path)), description: { sizeBytes, sha256 } });
    left.delete(path);
    left.delete(description);
  }
  return { objects, strays: [...left] };
}

function dayOf(mediaId: string): string {
  return mediaId.slice(0, 8).replace(/^(\d{4})(\d\d)(\d\d)$/, '$1-$2-$3');
}

async function measured(path: string): Promise<{ readonly sizeBytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  await pipeline(createReadStream(path), async (chunks) => {
    for await (const chunk of chunks as AsyncIterable<Buffer>) {
      sizeBytes += chunk.length;
      hash.update(chunk);
    }
  });
  return { sizeBytes, sha256: hash.digest('hex') };
}

/** What is wrong with the media of a data folder (O6): what is named is there whole, and nothing else is. Empty when nothing is wrong. */
export async function mediaBreaches(dataDir: string): Promise<string[]> {
  const named = namedMedia(await conversationEntries(dataDir));
  const { objects, strays } = await mediaOnDisk(dataDir);
  const breaches = strays.map((path) => `${path} is left over`);
  for (const mediaId of objects.keys()) if (!named.has(mediaId)) breaches.push(`${mediaId} is left over`);
  for (const [mediaId, { sizeBytes, sha256 }] of named) {
    const found = objects.get(mediaId);
    if (found === undefined) {
      breaches.push(`${mediaId} is named and not there`);
      continue;
    }
    for (const is of [found, found.description]) {
      if (is.sizeBytes !== sizeBytes || is.sha256 !== sha256)
        breaches.push(
          `${mediaId} is named with ${sizeBytes} bytes ${sha256}, and is ${is.sizeBytes} bytes ${is.sha256}`,
        );
    }
  }
  return breaches;
}

/** Thousands of objects, one after the other, would wait for each answer. */
const fetchesAtOnce = 8;

/** What is wrong with the media that these messages name, as a client can fetch them from their URLs; empty when nothing is. */
export async function fetchBreaches(messages: readonly Dynamic[]): Promise<string[]> {
  const breaches: string[] = [];
  const left = messages.flatMap(mediaIn).values();
  const fetchAll = async () => {
    for (const media of left) {
      const breach = await objectBreach(media);
      if (breach !== undefined) breaches.push(breach);
    }
  };
  await Promise.all(Array.from({ length: fetchesAtOnce }, fetchAll));
  return breaches;
}
