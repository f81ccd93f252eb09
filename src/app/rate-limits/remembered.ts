/** Keys remembered of each kind (names, addresses, clients): a few megabytes. Beyond that, those that were changed longest ago are forgotten. */
export const maxRemembered = 20_000;

/** What is known of each key, of so many keys that callers cannot fill the memory by choosing others. */
export class Remembered<Value> {
  /** The key that was set longest ago first. */
  readonly #byKey = new Map<string, Value>();

  get(key: string): Value | undefined {
    return this.#byKey.get(key);
  }

  set(key: string, value: Value): void {
    this.#byKey.delete(key);
    this.#byKey.set(key, value);
    const [oldest] = this.#byKey.keys();
    if (this.#byKey.size > maxRemembered && oldest !== undefined) this.#byKey.delete(oldest);
  }

  forget(key: string): void {
    this.#byKey.delete(key);
  }
}
