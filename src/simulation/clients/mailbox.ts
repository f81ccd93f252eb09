import type { Scheduler } from '../world/scheduler.ts';

/** What comes in at some time, taken one by one. */
export class Mailbox<T> {
  readonly #scheduler: Scheduler;
  readonly #items: T[] = [];
  #waiter: ((item: T | undefined) => void) | undefined;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  push(item: T): void {
    const waiter = this.#waiter;
    if (waiter === undefined) return void this.#items.push(item);
    this.#waiter = undefined;
    waiter(item);
  }

  /** The next item, undefined when none has come for so long. One at a time may wait. */
  next(timeoutMs: number): Promise<T | undefined> {
    const item = this.#items.shift();
    if (item !== undefined || timeoutMs <= 0) return Promise.resolve(item);
    return new Promise((resolve) => {
      const task = this.#scheduler.after(timeoutMs, () => {
        this.#waiter = undefined;
        resolve(undefined);
      });
      this.#waiter = (next) => {
        this.#scheduler.cancel(task);
        resolve(next);
      };
    });
  }
}
