import type { Spend } from '../spending/events.ts';
import type { ModelCall, Part } from './events.ts';

/** The text of a reply that has no end yet, as far as it is in the log. */
export interface Draft {
  readonly text: string;
  /** Of its UTF-8 form. */
  readonly bytes: number;
}

export const noDraft: Draft = { text: '', bytes: 0 };

/** A message that has no final event yet. */
export interface PendingMessage {
  readonly messageId: string;
  readonly conversationId: string;
  readonly clientId: string;
  readonly group: string | undefined;
  readonly clientMessageId: string;
  readonly parts: readonly Part[];
  /** IANA zone of the client when it spoke. */
  readonly timeZone: string;
  /** The person's own instructions to the model; '': none. */
  readonly instructions: string;
  /** Its offset in the partition. */
  readonly sequence: number;
  /** The log's time. */
  readonly receivedAtMs: number;
  /** The last attempt started, over all workers; 0 when there was none. */
  readonly attempt: number;
  /** What the log has of the last attempt's text. */
  readonly draft: Draft;
  /** So much of it is the text of the attempt before. */
  readonly continuedBytes: number;
  /** What the last attempt asked of the model; absent: there was none, or a release before 0.4 has not said. */
  readonly call?: ModelCall;
  /** The last attempt of which an event says what it used; 0: none. */
  readonly toldAttempt: number;
  /** What these used. */
  readonly spent: Spend;
  /** What all may use is reserved in the topic `spending`. */
  readonly hasReservation: boolean;
  /** An attempt was started under the current claim. */
  readonly processing: boolean;
  /** The claim under which its last attempt was started; '' when there was none. */
  readonly claimId: string;
  /** Its worker gave that claim up in order, and the next one is still to come. */
  readonly released: boolean;
  /** The claims that ended while it was in processing, and were not given up in order: as far as anybody knows, their workers died. */
  readonly lostClaims: readonly string[];
  /** Its client, or whoever deleted its conversation, wants no answer. */
  readonly stopRequested: boolean;
}

type Chunk = readonly PendingMessage[];

interface Place {
  readonly chunkIndex: number;
  readonly chunk: Chunk;
  readonly index: number;
}

/** A change copies one chunk and the list of chunks: 32 keeps both short up to some ten thousand messages. */
const maxChunkMessages = 32;

/** Messages by sequence, in log order. Versions share their chunks; no change sees the whole. */
export class PendingMessages {
  static readonly none = new PendingMessages([], 0);

  readonly #chunks: readonly Chunk[];
  readonly size: number;

  private constructor(chunks: readonly Chunk[], size: number) {
    this.#chunks = chunks;
    this.size = size;
  }

  /** The oldest message. */
  first(): PendingMessage | undefined {
    return this.#chunks[0]?.[0];
  }

  get(sequence: number): PendingMessage | undefined {
    const place = this.#find(sequence);
    return place?.chunk[place.index];
  }

  /** All of them, oldest first. */
  *[Symbol.iterator](): Generator<PendingMessage> {
    for (const chunk of this.#chunks) yield* chunk;
  }

  /** Calls back for each, oldest first: what a hot path uses instead of the iterator. */
  forEach(visit: (message: PendingMessage) => void): void {
    for (const chunk of this.#chunks) for (const message of chunk) visit(message);
  }

  /** With a message whose sequence is greater than all others. */
  append(message: PendingMessage): PendingMessages {
    const chunks = this.#chunks.slice();
    const newest = chunks.at(-1);
    if (newest === undefined || newest.length >= maxChunkMessages) chunks.push([message]);
    else chunks[chunks.length - 1] = [...newest, message];
    return new PendingMessages(chunks, this.size + 1);
  }

  /** With this message in the place of the one of the same sequence, which must be there. */
  replace(message: PendingMessage): PendingMessages {
    const place = this.#find(message.sequence);
    if (place === undefined) return this;
    const chunk = place.chunk.slice();
    chunk[place.index] = message;
    return new PendingMessages(withChunk(this.#chunks, place.chunkIndex, chunk), this.size);
  }

  remove(sequence: number): PendingMessages {
    const place = this.#find(sequence);
    if (place === undefined) return this;
    const chunk = place.chunk.slice();
    chunk.splice(place.index, 1);
    return new PendingMessages(withChunk(this.#chunks, place.chunkIndex, chunk), this.size - 1);
  }

  /** With every message changed by the function, which keeps its sequence. */
  map(change: (message: PendingMessage) => PendingMessage): PendingMessages {
    return new PendingMessages(
      this.#chunks.map((chunk) => chunk.map(change)),
      this.size,
    );
  }

  #find(sequence: number): Place | undefined {
    const chunkIndex = lastAtOrBefore(this.#chunks, sequence, (candidate) => candidate[0]);
    const chunk = this.#chunks[chunkIndex];
    if (chunk === undefined) return undefined;
    const index = lastAtOrBefore(chunk, sequence, (candidate) => candidate);
    return chunk[index]?.sequence === sequence ? { chunkIndex, chunk, index } : undefined;
  }
}

function withChunk(chunks: readonly Chunk[], index: number, chunk: Chunk): readonly Chunk[] {
  const copy = chunks.slice();
  if (chunk.length === 0) copy.splice(index, 1);
  else copy[index] = chunk;
  return copy;
}

/** Binary search: the index of the last item whose (first) message is not after the sequence; -1 when there is none. */
function lastAtOrBefore<T>(
  items: readonly T[],
  sequence: number,
  messageOf: (item: T) => PendingMessage | undefined,
): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const item = items[middle];
    const message = item === undefined ? undefined : messageOf(item);
    if (message !== undefined && message.sequence <= sequence) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
