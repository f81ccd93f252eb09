/** Something that is to happen at a virtual time. */
export interface Task {
  readonly atMs: number;
  /** Among tasks of one time, the one that was scheduled first happens first. */
  readonly order: number;
  run: (() => void) | undefined;
}

/**
 * Virtual time. One task runs at a time, and everything that follows from it without waiting (all promise reactions) has run before the next
 * one: so what happens depends on nothing but the order of tasks.
 */
export class Scheduler {
  readonly #tasks: Task[] = [];
  #nowMs = 0;
  #scheduled = 0;
  #ran = 0;

  /** Virtual milliseconds since the beginning. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Tasks that have run. */
  get ran(): number {
    return this.#ran;
  }

  /** Runs this after so many milliseconds; at once means after what is scheduled for now. */
  after(ms: number, run: () => void): Task {
    const task: Task = { atMs: this.#nowMs + Math.max(0, ms), order: this.#scheduled, run };
    this.#scheduled += 1;
    this.#push(task);
    return task;
  }

  /** It does not happen. */
  cancel(task: Task): void {
    task.run = undefined;
  }

  /**
   * Runs tasks until `isOver` says so after one of them, none is left, or the time is reached. `afterEach` is called after each task and all that
   * follows from it without waiting. Rejects with what a task throws.
   */
  async runUntil(timeMs: number, isOver: () => boolean, afterEach: () => void): Promise<void> {
    let isDone = this.#begin(timeMs) === false;
    const step = () => {
      afterEach();
      isDone = isOver() || !this.#begin(timeMs);
    };
    while (!isDone)
      await inTurns(() => {
        if (!isDone) step();
      });
    if (!isOver() && this.#nowMs < timeMs && Number.isFinite(timeMs)) this.#nowMs = timeMs;
  }

  /** Begins the next task that is due by then. False: there is none. */
  #begin(timeMs: number): boolean {
    for (let task = this.#tasks[0]; task !== undefined && task.atMs <= timeMs; task = this.#tasks[0]) {
      this.#pop();
      if (task.run === undefined) continue;
      this.#nowMs = task.atMs;
      this.#ran += 1;
      task.run();
      return true;
    }
    return false;
  }

  #push(task: Task): void {
    const tasks = this.#tasks;
    let index = tasks.length;
    tasks.push(task);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = tasks[parent] as Task;
      if (isBefore(above, task)) break;
      tasks[index] = above;
      index = parent;
    }
    tasks[index] = task;
  }

  #pop(): void {
    const tasks = this.#tasks;
    const last = tasks.pop();
    if (last === undefined || tasks.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= tasks.length) break;
      if (child + 1 < tasks.length && isBefore(tasks[child + 1] as Task, tasks[child] as Task)) child += 1;
      if (isBefore(last, tasks[child] as Task)) break;
      tasks[index] = tasks[child] as Task;
      index = child;
    }
    tasks[index] = last;
  }
}

function isBefore(one: Task, other: Task): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}

/** Steps that are queued at once: a turn of the event loop costs as much as several of them. */
const stepsATurn = 64;

/** Calls it some times, each time when every promise reaction has run: Node runs them all before each immediate. Rejects with what it throws. */
function inTurns(step: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const guarded = () => {
      try {
        step();
      } catch (error) {
        reject(error);
      }
    };
    for (let count = 0; count < stepsATurn; count += 1) setImmediate(guarded);
    setImmediate(resolve);
  });
}
