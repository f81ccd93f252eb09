const opening = '<think>';
const closing = '</think>';

/**
 * Takes out of a text stream what the model thinks before it answers, as servers without a reasoning parser give it:
 *
 *     <think>The user greets me.</think>\n\nHello!
 *
 * Only at the very beginning: behind it these signs are somebody's text.
 */
export class Reasoning {
  #state: 'undecided' | 'thinking' | 'skipping' | 'answering' = 'undecided';
  #held = '';

  /** It thinks now: what comes is nothing to show. */
  get isThinking(): boolean {
    return this.#state === 'thinking';
  }

  /** Gives what of the next piece is the answer's. */
  answerIn(piece: string): string {
    if (this.#state === 'answering') return piece;
    this.#held += piece;
    if (this.#state === 'undecided') this.#decide();
    if (this.#state === 'thinking') this.#think();
    if (this.#state === 'skipping') this.#held = this.#held.trimStart();
    if (this.#state === 'skipping' && this.#held !== '') this.#state = 'answering';
    return this.#state === 'answering' ? this.#taken() : '';
  }

  /** There is no next piece: gives what was held back, unless it is a thought. */
  end(): string {
    return this.#state === 'undecided' ? this.#taken() : '';
  }

  #decide(): void {
    const begun = this.#held.trimStart();
    if (begun.startsWith(opening)) {
      this.#state = 'thinking';
      this.#held = begun.slice(opening.length);
    } else if (!opening.startsWith(begun)) this.#state = 'answering';
  }

  #think(): void {
    const end = this.#held.indexOf(closing);
    if (end >= 0) {
      this.#state = 'skipping';
      this.#held = this.#held.slice(end + closing.length);
    } else this.#held = this.#held.slice(-(closing.length - 1));
  }

  #taken(): string {
    const taken = this.#held;
    this.#held = '';
    return taken;
  }
}
