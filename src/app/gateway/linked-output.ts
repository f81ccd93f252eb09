import type { Refused } from '../../domain/errors/catalogue.ts';
import { maxUnsentBytes } from '../../domain/limits.ts';
import type { Logger } from '../../ports/telemetry.ts';
import type { MediaLinks } from '../media/media-links.ts';
import { bytesOfEvent } from './event-size.ts';
import type { SessionEvent, SessionOutput } from './session-event.ts';

export interface LinkedOutputDeps {
  readonly output: SessionOutput;
  readonly links: MediaLinks;
  /** The client wants the bytes of replies' media in the stream. */
  readonly inline: boolean;
  readonly logger: Logger;
  readonly onOverflow: () => void;
}

/**
 * Puts URLs to the media of messages on their way out. While those of one are being made everything behind it waits, so nothing overtakes, and no more
 * than a client may leave unread, since more means that the store hangs; as long as no message has media, nothing is kept and nothing is awaited.
 */
export class LinkedOutput implements SessionOutput {
  readonly #deps: LinkedOutputDeps;
  readonly #behind: SessionEvent[] = [];
  #behindBytes = 0;
  #telling: Promise<void> | undefined;
  #cut = false;

  constructor(deps: LinkedOutputDeps) {
    this.#deps = deps;
  }

  emit(event: SessionEvent): void {
    if (this.#telling === undefined && !needsLinks(event)) return this.#deps.output.emit(event);
    this.#behind.push(event);
    this.#behindBytes += bytesOfEvent(event);
    if (this.#telling === undefined) this.#telling = this.#tell();
    else if (this.#behindBytes > maxUnsentBytes) this.#deps.onOverflow();
  }

  async writable(): Promise<void> {
    await this.#telling;
    await this.#deps.output.writable();
  }

  /** In order, what waits is told before; a refusal is told at once: its client resumes. */
  end(refused: Refused | undefined): void {
    const { output } = this.#deps;
    if (refused !== undefined || this.#telling === undefined) {
      this.#cut = true;
      output.end(refused);
    } else this.#telling = this.#telling.then(() => output.end(undefined));
  }

  /** Never rejects. */
  async #tell(): Promise<void> {
    for (let event = this.#behind.shift(); event !== undefined && !this.#cut; event = this.#behind.shift()) {
      this.#behindBytes -= bytesOfEvent(event);
      this.#deps.output.emit(needsLinks(event) ? await this.#linked(event) : event);
    }
    this.#telling = undefined;
  }

  async #linked(event: Extract<SessionEvent, { type: 'message' }>): Promise<SessionEvent> {
    const { links, inline, logger } = this.#deps;
    try {
      return { type: 'message', ...(await links.present(event.message, { inline })) };
    } catch (error) {
      // Its words are worth telling without: GetMedia makes the URLs when the store is back.
      logger.warn({ err: error, messageId: event.message.messageId }, 'could not make the URLs of a message');
      return event;
    }
  }
}

function needsLinks(event: SessionEvent): event is Extract<SessionEvent, { type: 'message' }> {
  return event.type === 'message' && event.message.parts.some((part) => part.kind !== 'text');
}
