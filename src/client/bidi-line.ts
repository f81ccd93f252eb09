import type { Client } from '@connectrpc/connect';
import { FrameQueue } from './frame-queue.ts';
import type { ChatService } from './gen/chat/v1/chat_service_pb.js';
import type { Frame, Line, LineHandlers } from './line.ts';
import { type Refusal, refusalOf } from './refusal.ts';

/** A session on one bidirectional stream. */
export class BidiLine implements Line {
  readonly ended: Promise<Refusal | undefined>;
  readonly #queue: FrameQueue;
  readonly #abort = new AbortController();

  /** @param headers of the stream */
  constructor(chat: Client<typeof ChatService>, headers: Readonly<Record<string, string>>, handlers: LineHandlers) {
    this.#queue = new FrameQueue(handlers.onWritable);
    this.ended = this.#run(chat, headers, handlers);
  }

  send(frame: Frame): boolean {
    return this.#queue.push(frame);
  }

  sayGoodbye(): void {
    this.send({ case: 'goodbye', value: {} });
    this.#queue.end();
  }

  cancel(): void {
    this.#queue.end();
    this.#abort.abort();
  }

  async #run(
    chat: Client<typeof ChatService>,
    headers: Readonly<Record<string, string>>,
    { onEvent }: LineHandlers,
  ): Promise<Refusal | undefined> {
    const { signal } = this.#abort;
    try {
      for await (const { event } of chat.chat(this.#requests(), { headers, signal })) {
        // Events of a newer contract decode to none.
        if (event?.event.case !== undefined) onEvent(event.event);
      }
      return undefined;
    } catch (error) {
      return refusalOf(error);
    }
  }

  async *#requests() {
    for await (const frame of this.#queue) yield { frame };
  }
}
