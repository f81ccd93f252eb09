/** Values kept under names that begin alike, as JSON. What cannot be read counts as absent: another release may have written it. */
export class JsonStorage {
  readonly #storage: Storage;
  readonly #prefix: string;

  constructor(storage: Storage, prefix: string) {
    this.#storage = storage;
    this.#prefix = prefix;
  }

  /** Of one client, or whatever else begins so. */
  within(prefix: string): JsonStorage {
    return new JsonStorage(this.#storage, `${this.#prefix}${encodeURIComponent(prefix)}/`);
  }

  /** The name under which the browser knows it. */
  keyOf(name: string): string {
    return this.#prefix + name;
  }

  read(name: string): unknown {
    const text = this.#storage.getItem(this.keyOf(name));
    if (text === null) return undefined;
    try {
      return JSON.parse(text);
    } catch (error) {
      if (error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  /** @returns false when the browser's space for this site is full */
  write(name: string, value: unknown): boolean {
    try {
      this.#storage.setItem(this.keyOf(name), JSON.stringify(value));
      return true;
    } catch (error) {
      if (error instanceof DOMException && error.name === 'QuotaExceededError') return false;
      throw error;
    }
  }

  remove(name: string): void {
    this.#storage.removeItem(this.keyOf(name));
  }

  /** Names without the prefix. */
  names(): string[] {
    return Array.from({ length: this.#storage.length }, (_, index) => this.#storage.key(index) ?? '')
      .filter((key) => key.startsWith(this.#prefix))
      .map((key) => key.slice(this.#prefix.length));
  }

  clear(): void {
    for (const name of this.names()) this.remove(name);
  }
}
