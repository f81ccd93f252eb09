import type { Refused } from '../../domain/errors/catalogue.ts';
import { maxUnsentBytes } from '../../domain/limits.ts';
import { bytesOfEvent } from './event-size.ts';
import type { SessionEvent, SessionOutput } from './session-event.ts';

export interface OutboxDeps {
  readonly output: SessionOutput;
  /** Whether the session holds its slot for certain: what others may have counted out must be silent. */
  readonly mayTell: () => boolean;
  readonly onOverflow: () => void;
}

/** What a session tells its client, kept while nothing may be told: as much as its client may leave unread. */
export class Outbox implements SessionOutput {
  readonly #deps: OutboxDeps;
  #held: SessionEvent[] = [];
  #heldBytes = 0;

  constructor(deps: OutboxDeps) {
    this.#deps = deps;
  }

  /** Nothing is kept. */
  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  /** Tells the client, or keeps it until `flush`. */
  emit(event: SessionEvent): void {
    if (this.#held.length === 0 && this.#deps.mayTell()) {
      this.#deps.output.emit(event);
      return;
    }
    this.#held.push(event);
    this.#heldBytes += bytesOfEvent(event);
    if (this.#heldBytes > maxUnsentBytes) this.#deps.onOverflow();
  }

  /** Tells what is true whoever holds the slot, past what is kept: welcome and waiting, pong and drain. */
  emitNow(event: SessionEvent): void {
    this.#deps.output.emit(event);
  }

  /** Sends what is kept, if anything may be sent now. */
  flush(): void {
    if (this.#held.length === 0 || !this.#deps.mayTell()) return;
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    for (const event of held) this.#deps.output.emit(event);
  }

  writable(): Promise<void> {
    return this.#deps.output.writable();
  }

  end(refused: Refused | undefined): void {
    this.#deps.output.end(refused);
  }
}
