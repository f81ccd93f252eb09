/** Browsers pass on what is stored within milliseconds; longer than this, and the mark is taken for wrong. */
const passedOnMs = 2_000;
const lookAgainMs = 20;

/**
 * Says, across the tabs of a browser, when the newest tokens were obtained. Each process of a browser has a copy of what is stored, and hears of
 * changes only some time after it was given the lock under which they were made: without the mark a tab would trade a refresh token that
 * another has just traded, which ends the sign-in of both. A mark is a lock that is held, for of locks there is one truth only.
 */
export class RenewalMark {
  readonly #locks: LockManager;
  readonly #prefix: string;
  #letGo: () => void = () => {};

  constructor(locks: LockManager, name: string) {
    this.#locks = locks;
    this.#prefix = `${name}/`;
  }

  /** From now on, and as long as this tab lives, every tab can know of it. */
  async put(obtainedAtMs: number): Promise<void> {
    const former = this.#letGo;
    const { promise: released, resolve: letGo } = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    void this.#locks.request(this.#prefix + obtainedAtMs, { mode: 'shared' }, () => {
      held.resolve();
      return released;
    });
    await held.promise;
    this.#letGo = letGo;
    former();
  }

  /** Reads until it is no older than any mark says. */
  async upToDate<T extends { readonly obtainedAtMs: number }>(read: () => T | undefined): Promise<T | undefined> {
    const newestMs = await this.#newestMs();
    const untilMs = performance.now() + passedOnMs;
    let found = read();
    while (found !== undefined && found.obtainedAtMs < newestMs && performance.now() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, lookAgainMs));
      found = read();
    }
    return found;
  }

  remove(): void {
    this.#letGo();
  }

  async #newestMs(): Promise<number> {
    const { held = [] } = await this.#locks.query();
    const marks = held.map(({ name = '' }) =>
      name.startsWith(this.#prefix) ? Number(name.slice(this.#prefix.length)) : 0,
    );
    return Math.max(0, ...marks);
  }
}
