import { type Message, MessageStatus } from './gen/chat/v1/content_pb.js';
import { textOf } from './message-text.ts';

/** A piece of a reply. */
export interface ReplyPiece {
  /** Comes behind what was given before; with `isReplacement` instead of it. */
  readonly text: string;
  /** What was given before is void: another worker began anew. */
  readonly isReplacement: boolean;
}

/**
 * The reply to one message. `await` gives the complete message; iterating gives its text piece by piece as it is written, from its beginning whenever the
 * iteration begins. Both throw MessageRefused when there will be no reply, and the Refusal that ended the chat. A reader that is slow gets fewer and
 * longer pieces.
 */
export class Reply implements PromiseLike<Message>, AsyncIterable<ReplyPiece> {
  readonly #message = Promise.withResolvers<Message>();
  /** Drawn so far, and how often it began anew. */
  #text = '';
  #beginnings = 0;
  #isOver = false;
  #changed = Promise.withResolvers<void>();

  constructor() {
    // Whoever waits for the acceptance alone hears of a failure there.
    this.#message.promise.catch(() => undefined);
  }

  // biome-ignore lint/suspicious/noThenProperty: awaiting a reply gives the message.
  then<A = Message, B = never>(
    onFulfilled?: ((message: Message) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#message.promise.then(onFulfilled, onRejected);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ReplyPiece, void, void> {
    let [givenLength, beginnings] = [0, 0];
    for (;;) {
      const changed = this.#changed.promise;
      const isReplacement = beginnings !== this.#beginnings && givenLength > 0;
      if (beginnings !== this.#beginnings) [givenLength, beginnings] = [0, this.#beginnings];
      const text = this.#text.slice(givenLength);
      givenLength = this.#text.length;
      if (isReplacement || text !== '') yield { text, isReplacement };
      else if (this.#isOver) break;
      else await changed;
    }
    await this.#message.promise;
  }

  /** The session that the reply comes in tells the rest. */
  grow(text: string): void {
    this.#text += text;
    this.#tell();
  }

  restart(): void {
    this.#text = '';
    this.#beginnings += 1;
    this.#tell();
  }

  complete(message: Message): void {
    const text = textOf(message);
    // One that was stopped may be shorter than what was drawn.
    const isCut = message.status === MessageStatus.STOPPED && this.#text.startsWith(text);
    if (!isCut && !text.startsWith(this.#text)) this.restart();
    if (!isCut) this.grow(text.slice(this.#text.length));
    this.#message.resolve(message);
    this.#end();
  }

  fail(error: Error): void {
    this.#message.reject(error);
    this.#end();
  }

  #end(): void {
    this.#isOver = true;
    this.#tell();
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
