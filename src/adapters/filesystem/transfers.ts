import { busy } from './answers.ts';

/** Counts what goes on at once, in all and by owner. */
export class Transfers {
  readonly #most: number;
  readonly #mostPerOwner: number;
  readonly #byOwner = new Map<string, number>();
  #count = 0;

  constructor(most: number, mostPerOwner = most) {
    this.#most = most;
    this.#mostPerOwner = mostPerOwner;
  }

  /** A place until it is disposed of. Throws HttpRefusal (503) when there is none. */
  enter(ownerId = ''): Disposable {
    const owned = this.#byOwner.get(ownerId) ?? 0;
    if (this.#count >= this.#most || owned >= this.#mostPerOwner) throw busy();
    this.#count += 1;
    this.#byOwner.set(ownerId, owned + 1);
    return { [Symbol.dispose]: () => this.#leave(ownerId) };
  }

  #leave(ownerId: string): void {
    this.#count -= 1;
    const left = (this.#byOwner.get(ownerId) ?? 1) - 1;
    if (left === 0) this.#byOwner.delete(ownerId);
    else this.#byOwner.set(ownerId, left);
  }
}
