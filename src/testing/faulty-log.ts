import { type EventLog, LogUnavailable, type NewRecord } from '../ports/event-log.ts';

/** How an append goes: as usual, refused, or written without an answer. */
export type AppendFault = 'none' | 'refused' | 'lost-answer';

/** A log that fails as told. */
export class FaultyLog implements EventLog {
  /** Decides on each append. */
  appendFault: (records: readonly NewRecord[]) => AppendFault = () => 'none';
  /** Appends asked for. */
  appends = 0;
  /** Tails yield nothing until it resolves: a process that has stalled. */
  stalled: Promise<void> | undefined;
  /** What the next tail that comes to a record ends with. */
  tailFault: Error | undefined;
  readonly #log: EventLog;

  constructor(log: EventLog) {
    this.#log = log;
  }

  partitions(topic: string) {
    return this.#log.partitions(topic);
  }

  async append(records: readonly NewRecord[]) {
    this.appends += 1;
    const fault = this.appendFault(records);
    if (fault === 'refused') throw new LogUnavailable('refused by the test', 'not-written');
    const appended = await this.#log.append(records);
    if (fault === 'lost-answer') throw new LogUnavailable('answer lost by the test', 'unknown');
    return appended;
  }

  read(...args: Parameters<EventLog['read']>) {
    return this.#log.read(...args);
  }

  async *tail(...args: Parameters<EventLog['tail']>) {
    for await (const batch of this.#log.tail(...args)) {
      await this.stalled;
      const fault = this.tailFault;
      this.tailFault = undefined;
      if (fault !== undefined) throw fault;
      yield batch;
    }
  }

  erase(...args: Parameters<EventLog['erase']>) {
    return this.#log.erase(...args);
  }

  endOffset(topic: string, partition: number) {
    return this.#log.endOffset(topic, partition);
  }

  committed(group: string, topic: string, partition: number) {
    return this.#log.committed(group, topic, partition);
  }

  commit(group: string, topic: string, partition: number, offset: number) {
    return this.#log.commit(group, topic, partition, offset);
  }

  /** The log beneath belongs to whoever opened it. */
  async [Symbol.asyncDispose]() {}
}
