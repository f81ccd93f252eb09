import { Faults } from '../../world/faults.ts';
import { SimulatedProcess } from '../../world/process.ts';
import { Scheduler } from '../../world/scheduler.ts';

/** Virtual time that runs as fast as it can, and nothing goes wrong in it. */
export class FreeRunning implements AsyncDisposable {
  readonly scheduler = new Scheduler();
  readonly faults = new Faults(1, {});
  #processes = 0;
  #isOver = false;
  readonly #running: Promise<void>;

  constructor() {
    this.#running = this.#run();
  }

  /** Another process. */
  process(): SimulatedProcess {
    this.#processes += 1;
    return new SimulatedProcess(`p${this.#processes}`, this.scheduler, 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      await this.scheduler.runUntil(
        Number.POSITIVE_INFINITY,
        () => this.#isOver,
        () => {},
      );
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
