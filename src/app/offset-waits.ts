import type { LogUnavailable } from '../ports/event-log.ts';

/** Who waits for a fold to come to an offset. */
export class OffsetWaits {
  #waits: {
    readonly offset: number;
    readonly resolve: () => void;
    readonly reject: (error: LogUnavailable) => void;
  }[] = [];

  /** Resolves once the fold has come to this offset. Rejects with what `rejectAll` is given. */
  until(offset: number): Promise<void> {
    return new Promise((resolve, reject) => this.#waits.push({ offset, resolve, reject }));
  }

  /** The fold has come to this offset. */
  reached(position: number): void {
    if (this.#waits.length === 0) return;
    const over = this.#waits.filter(({ offset }) => offset <= position);
    if (over.length === 0) return;
    this.#waits = this.#waits.filter(({ offset }) => offset > position);
    for (const { resolve } of over) resolve();
  }

  /** What they wait for will never be read. */
  rejectAll(reason: LogUnavailable): void {
    for (const { reject } of this.#waits.splice(0)) reject(reason);
  }
}
