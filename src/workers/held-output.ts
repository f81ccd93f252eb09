import type { LiveEvent } from '../ports/live-bus.ts';

/**
 * Live output of an attempt, held until its start was read back under the current claim. Only then is its number this worker's own: if the start was
 * never written, or follows another worker's claim, the next worker reuses the number, for another text.
 */
export class HeldOutput {
  readonly #publish: (event: LiveEvent) => void;
  #held: LiveEvent[] | undefined = [];

  constructor(publish: (event: LiveEvent) => void) {
    this.#publish = publish;
  }

  get isOpen(): boolean {
    return this.#held === undefined;
  }

  send(event: LiveEvent): void {
    if (this.#held === undefined) this.#publish(event);
    else this.#held.push(event);
  }

  /** Sends what was held, and from now on at once. */
  open(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const event of held) this.#publish(event);
  }
}
