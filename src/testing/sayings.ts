import { type Dynamic, timestampMs } from './contract.ts';
import { inlinePart, padded, picture, type Sample, sha256, video, voice } from './media-samples.ts';
import { putTo, reserve, type Uploader } from './uploads.ts';

/** What is said beside a text: a media file, in the stream, or uploaded before and then named. */
export interface Enclosed {
  readonly sample: Sample;
  readonly how: 'inline' | 'upload';
}

/** What a client says beside its texts, and what it looks at closely. */
export interface Sayings {
  /** undefined: a text alone. */
  enclosed(index: number): Enclosed | undefined;
  /** Whether the media of the reply are fetched. */
  fetchesReply(index: number): boolean;
}

/** Drawn once and said in turn: what is said does not depend on when it is. */
const drawn = 40;
const textShare = 0.4;
const uploadShare = 0.5;
const fetchShare = 0.25;
const longestInlineBytes = 32 * 1_024;
const longestUploadBytes = 256 * 1_024;
/** Of the answers to a PUT, those that say: try again. */
const retryableStatuses: readonly number[] = [408, 429, 503];

/** Text, voice, video and pictures, in the stream and by upload, of lengths over all orders of magnitude. */
export function mixedSayings(random: () => number): Sayings {
  const things = Array.from({ length: drawn }, () => ({ enclosed: draw(random), fetches: random() < fetchShare }));
  const at = (index: number) => things[index % drawn];
  return { enclosed: (index) => at(index)?.enclosed, fetchesReply: (index) => at(index)?.fetches === true };
}

function draw(random: () => number): Enclosed | undefined {
  if (random() < textShare) return undefined;
  const sample = [voice, video, picture][Math.floor(random() * 3)] ?? voice;
  const how = random() < uploadShare ? 'upload' : 'inline';
  const longest = how === 'upload' ? longestUploadBytes : longestInlineBytes;
  return { how, sample: { ...sample, bytes: padded(sample, Math.ceil(longest ** random())) } };
}

/** The server did not take an upload that was in order. */
export class UploadRefused extends Error {
  override readonly name = 'UploadRefused';
}

/** A media file on its way into one message: the same object at each attempt, for as long as its upload lives. */
export class Enclosure {
  readonly enclosed: Enclosed;
  /** How often it is PUT at once. */
  readonly #puts: number;
  /** Every object that was reserved for it. */
  readonly mediaIds: string[] = [];
  readonly #sha256: Buffer;
  /** The answer to CreateUpload; undefined before. */
  #reserved: Dynamic;
  #isThere = false;

  constructor(enclosed: Enclosed, puts = 1) {
    this.enclosed = enclosed;
    this.#puts = puts;
    this.#sha256 = sha256(enclosed.sample.bytes);
  }

  /** Whether an object that was uploaded for it may be swept by now, and its URL be refused. */
  get isOver(): boolean {
    return this.#reserved !== undefined && Date.now() >= timestampMs(this.#reserved.expireTime);
  }

  /** The part to send, uploaded first where need be. Rejects with UploadRefused, or with whatever a lost connection makes of it. */
  async part(who: Uploader): Promise<object> {
    const { how, sample } = this.enclosed;
    if (how === 'inline') return inlinePart(sample);
    if (this.#reserved === undefined || this.isOver) {
      this.#isThere = false;
      this.#reserved = await reserve(who, sample);
      this.mediaIds.push(this.#reserved.mediaId);
    }
    if (!this.#isThere) await this.#put();
    return { media: { mediaId: this.#reserved.mediaId } };
  }

  async #put(): Promise<void> {
    const { bytes } = this.enclosed.sample;
    const statuses = await Promise.all(Array.from({ length: this.#puts }, () => putTo(this.#reserved, bytes)));
    this.#isThere = statuses.every((status) => status === 200 || status === 201);
    if (this.#isThere) return;
    const what = `the upload of ${this.#reserved.mediaId} was answered with ${statuses.join()}`;
    const isRetryable = this.isOver || statuses.some((status) => retryableStatuses.includes(status));
    throw isRetryable ? new Error(what) : new UploadRefused(what);
  }

  /** Whether this media part, as it is told, is what was sent. */
  is(media: Dynamic): boolean {
    const { how, sample } = this.enclosed;
    return (
      media.kind === sample.kind &&
      media.contentType === sample.contentType &&
      media.sizeBytes === sample.bytes.length &&
      this.#sha256.equals(media.sha256) &&
      (how === 'inline' || this.mediaIds.includes(media.mediaId))
    );
  }
}

/** The media of a message as history or the stream tells it, in its order. */
export function mediaIn(message: Dynamic): Dynamic[] {
  return message.parts.filter((part: Dynamic) => part.value === 'media').map((part: Dynamic) => part.media);
}

/** The kinds of its parts, in its order. */
export function kindsIn(message: Dynamic): string[] {
  return message.parts.map((part: Dynamic) => (part.value === 'media' ? part.media.kind : 'KIND_TEXT'));
}

/** The kinds of the parts that answer a message: voice is answered by voice, too, and video by voice and a picture. */
export function replyKindsOf(enclosed: Enclosed | undefined): string[] {
  if (enclosed?.sample.kind === 'KIND_VOICE') return ['KIND_TEXT', 'KIND_VOICE'];
  if (enclosed?.sample.kind === 'KIND_VIDEO') return ['KIND_TEXT', 'KIND_VOICE', 'KIND_IMAGE'];
  return ['KIND_TEXT'];
}

/** What is wrong with the object that a media part names, fetched from its URL; undefined when nothing is. */
export async function objectBreach(media: Dynamic): Promise<string | undefined> {
  const response = await fetch(media.url);
  const bytes = Buffer.from(await response.arrayBuffer());
  if (response.status !== 200) return `${media.mediaId} was answered with ${response.status} ${bytes.toString()}`;
  if (bytes.length !== media.sizeBytes) return `${media.mediaId} has ${bytes.length} bytes, not ${media.sizeBytes}`;
  return sha256(bytes).equals(media.sha256) ? undefined : `${media.mediaId} has another hash than told`;
}
