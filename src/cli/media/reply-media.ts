import type { Message } from '../../client/gen/chat/v1/content_pb.js';
import { explain } from '../explain.ts';
import { dateOf } from '../show.ts';
import type { MediaFolder } from './incoming-media.ts';
import { mediaOf, mediaText } from './media-text.ts';

/** Tells what media came with a reply and, where that is wanted, keeps them. */
export class ReplyMedia {
  readonly #folder: MediaFolder | undefined;
  readonly #address: string;
  #failures = 0;

  /** @param folder where they are kept; undefined: nowhere */
  constructor(address: string, folder?: MediaFolder) {
    this.#address = address;
    this.#folder = folder;
  }

  /** Whether they are kept anywhere. */
  get keeps(): boolean {
    return this.#folder !== undefined;
  }

  /** How many could not be kept. */
  get failures(): number {
    return this.#failures;
  }

  /** A line for each, when it is kept or cannot be. */
  async *lines(message: Message, signal?: AbortSignal): AsyncGenerator<string, void, void> {
    for (const media of mediaOf(message)) {
      if (this.#folder === undefined) {
        yield mediaText(media);
        continue;
      }
      try {
        const path = await this.#folder.save(media, dateOf(message.createTime) ?? new Date(), signal);
        yield mediaText(media, ` → ${path}`);
      } catch (error) {
        if (signal?.aborted) return;
        this.#failures += 1;
        yield mediaText(media, `, not kept: ${explain(error, this.#address)}`);
      }
    }
  }
}
