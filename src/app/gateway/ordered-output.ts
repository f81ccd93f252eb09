import type { Refused } from '../../domain/errors/catalogue.ts';
import { maxUnsentBytes } from '../../domain/limits.ts';
import type { Logger } from '../../ports/telemetry.ts';
import type { MediaLinks } from '../media/media-links.ts';
import { bytesOfEvent, type MessageTold, type SessionEvent, type SessionOutput } from './session-event.ts';

export interface OrderedOutputDeps {
  readonly output: SessionOutput;
  readonly links: MediaLinks;
  /** The client wants the bytes of replies' media in the stream. */
  readonly inline: boolean;
  readonly logger: Logger;
  /** Whether the session holds its slot for certain: what others may have counted out must be silent. */
  readonly maySend: () => boolean;
  /** More waits than a client may leave unread: for the session to hold its slot again, or for links. Must end the session. */
  readonly onOverflow: (waitsFor: 'slot' | 'links') => void;
}

/**
 * What a session sends its client, in one order. While the session may not send, its events are held. On their way out messages get the URLs of their
 * media; while those of one are being made everything behind it waits, so nothing overtakes. As long as no message has media, nothing is awaited.
 */
export class OrderedOutput implements SessionOutput {
  readonly #deps: OrderedOutputDeps;
  #held: SessionEvent[] = [];
  #heldBytes = 0;
  readonly #behind: SessionEvent[] = [];
  #behindBytes = 0;
  #linking: Promise<void> | undefined;
  #isCut = false;

  constructor(deps: OrderedOutputDeps) {
    this.#deps = deps;
  }

  /** Nothing is held. */
  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  /** Sends the event, or holds it until `flush`. */
  emit(event: SessionEvent): void {
    if (this.#held.length === 0 && this.#deps.maySend()) return this.emitNow(event);
    this.#held.push(event);
    this.#heldBytes += bytesOfEvent(event);
    if (this.#heldBytes > maxUnsentBytes) this.#deps.onOverflow('slot');
  }

  /** Sends frames that do not depend on order, past held ones: welcome and waiting, pong and drain. */
  emitNow(event: SessionEvent): void {
    if (this.#linking === undefined && !needsLinks(event)) return this.#deps.output.emit(event);
    this.#behind.push(event);
    this.#behindBytes += bytesOfEvent(event);
    if (this.#linking === undefined) this.#linking = this.#link();
    else if (this.#behindBytes > maxUnsentBytes) this.#deps.onOverflow('links');
  }

  /** Sends what is held, if anything may be sent now. */
  flush(): void {
    if (this.#held.length === 0 || !this.#deps.maySend()) return;
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    for (const event of held) this.emitNow(event);
  }

  async writable(): Promise<void> {
    await this.#linking;
    await this.#deps.output.writable();
  }

  /** In order, what waits for links is sent before; a refusal is sent at once: its client resumes. */
  end(refused: Refused | undefined): void {
    const { output } = this.#deps;
    if (refused !== undefined || this.#linking === undefined) {
      this.#isCut = true;
      output.end(refused);
    } else this.#linking = this.#linking.then(() => output.end(undefined));
  }

  /** Never rejects. */
  async #link(): Promise<void> {
    for (let event = this.#behind.shift(); event !== undefined && !this.#isCut; event = this.#behind.shift()) {
      this.#behindBytes -= bytesOfEvent(event);
      this.#deps.output.emit(needsLinks(event) ? await this.#linked(event) : event);
    }
    this.#linking = undefined;
  }

  async #linked(event: MessageTold): Promise<SessionEvent> {
    const { links, inline, logger } = this.#deps;
    try {
      return { type: 'message', ...(await links.present(event.message, { inline })) };
    } catch (error) {
      // Its words are worth telling without: GetMedia makes the URLs when the store is back.
      logger.warn(
        { err: error, messageId: event.message.messageId },
        'the pre-signed URLs of a message could not be created',
      );
      return event;
    }
  }
}

function needsLinks(event: SessionEvent): event is MessageTold {
  return event.type === 'message' && event.message.parts.some((part) => part.kind !== 'text');
}
