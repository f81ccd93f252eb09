import { LogDamaged } from '../../../ports/event-log.ts';
import type { Logger } from '../../../ports/telemetry.ts';
import type { Brokers, NodeId } from './brokers.ts';
import { decodePartition } from './fetch-session.ts';
import { Fetcher } from './fetcher.ts';
import { expectedRecordBytes, maxFetchPartitionBytes, maxTailRecords } from './limits.ts';
import { byTopic } from './messages.ts';
import { errorCode } from './protocol-errors.ts';
import type { StoredRecord } from './record-batch.ts';
import { withRetries } from './retries.ts';
import { api, describeError, WireBroken } from './wire.ts';

/** Some records, and the offset behind what was looked through for them. */
export interface Page {
  readonly records: readonly StoredRecord[];
  readonly nextOffset: number;
}

/** Reads partitions as they are stored. */
export class Reader {
  readonly #brokers: Brokers;
  readonly #fetcher: Fetcher;
  readonly #offsets: Offsets;

  /** `gatherMs`: as the Fetcher's. */
  constructor(brokers: Brokers, logger: Logger, gatherMs: number) {
    this.#brokers = brokers;
    this.#offsets = new Offsets(brokers);
    const bounds = (topic: string, partition: number) => this.#bounds(topic, partition);
    this.#fetcher = new Fetcher(brokers, bounds, logger, gatherMs);
  }

  /** Up to `maxRecords` from the offset on; none at the end. Rejects with LogUnavailable or LogDamaged. */
  async read(
    topic: string,
    partition: number,
    fromOffset: number,
    maxRecords: number,
  ): Promise<readonly StoredRecord[]> {
    const found: StoredRecord[] = [];
    while (found.length < maxRecords) {
      const missing = maxRecords - found.length;
      const { records } = await this.page(topic, partition, fromOffset + found.length, missing * expectedRecordBytes);
      if (records.length === 0) break;
      found.push(...records.slice(0, missing));
    }
    return found;
  }

  /**
   * What one request brings, about so many bytes, and where the next begins. `isSparse`: the topic is compacted, and records may be missing.
   * Rejects with LogUnavailable or LogDamaged.
   */
  page(topic: string, partition: number, fromOffset: number, bytes: number, isSparse = false): Promise<Page> {
    return withRetries(`${topic}/${partition}`, 'not-written', () =>
      this.#page(topic, partition, fromOffset, bytes, isSparse),
    );
  }

  /** The offset that the next record will get. Rejects with LogUnavailable. */
  endOffset(topic: string, partition: number): Promise<number> {
    return withRetries(`${topic}/${partition}`, 'not-written', () => this.#offsets.end(topic, partition));
  }

  /**
   * Every record from the offset on, until the signal aborts; brokers that are away are waited for. `isSparse`: the topic is compacted, and records
   * may be missing. Throws LogDamaged and LogTruncated; LogUnavailable once the log is closed.
   */
  async *tail(
    topic: string,
    partition: number,
    fromOffset: number,
    signal: AbortSignal,
    isSparse = false,
  ): AsyncGenerator<readonly StoredRecord[], void, void> {
    if (signal.aborted) return;
    const queue = this.#fetcher.begin(topic, partition, fromOffset, isSparse);
    try {
      for (;;) {
        const records = await queue.take(maxTailRecords, signal);
        if (signal.aborted) return;
        yield records;
      }
    } finally {
      this.#fetcher.end(queue);
    }
  }

  /** Ends every tail with LogUnavailable. */
  close(): void {
    this.#fetcher.close();
  }

  /** Up to the first record that is damaged; at that one, LogDamaged. */
  async #page(topic: string, partition: number, fromOffset: number, bytes: number, isSparse: boolean): Promise<Page> {
    const wire = await this.#brokers.wire(await this.#brokers.leaderOf(topic, partition), 'asking');
    const maxBytes = Math.min(bytes, maxFetchPartitionBytes);
    const [answer] = await wire.fetch([{ topic, partition, fromOffset, maxBytes }], maxBytes, 0);
    if (answer?.errorCode === errorCode.offsetOutOfRange) return this.#nothing(topic, partition, fromOffset);
    if (answer === undefined || answer.errorCode !== errorCode.none)
      throw this.#lost(topic, partition, answer?.errorCode ?? -1);
    const { records, nextOffset, damage } = decodePartition({ isSparse }, answer.records, fromOffset);
    if (records.length === 0 && damage !== undefined) throw new LogDamaged(topic, partition, fromOffset, damage);
    return { records, nextOffset };
  }

  /** Behind the end there is nothing yet; before the first there is nothing any more. */
  async #nothing(topic: string, partition: number, offset: number): Promise<Page> {
    const { first } = await this.#bounds(topic, partition);
    if (offset >= first) return { records: [], nextOffset: offset };
    throw new LogDamaged(topic, partition, offset, `the records before ${first} were deleted`);
  }

  async #bounds(topic: string, partition: number): Promise<{ readonly first: number; readonly end: number }> {
    const [first, end] = await Promise.all([
      this.#offsets.first(topic, partition),
      this.#offsets.end(topic, partition),
    ]);
    return { first, end };
  }

  #lost(topic: string, partition: number, code: number): WireBroken {
    this.#brokers.forget(topic, partition);
    return new WireBroken(`${topic}/${partition}: ${describeError(code)}`);
  }
}

interface Question {
  readonly topic: string;
  readonly partition: number;
  readonly timestamp: number;
  readonly answer: PromiseWithResolvers<number>;
}

interface ListedOffsets {
  readonly responses: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly errorCode: number;
      readonly offset: string;
    }[];
  }[];
}

/** Kafka's names for the offset of the first record, and for the one that the next will get. */
const earliest = -2;
const latest = -1;

/**
 * Where partitions begin and end. What is asked in one turn of the event loop is one request to each broker: whoever connects asks for the ends of
 * all partitions. Rejects with WireBroken.
 */
export class Offsets {
  readonly #brokers: Brokers;
  readonly #asked = new Map<string, Question>();

  constructor(brokers: Brokers) {
    this.#brokers = brokers;
  }

  /** The offset of the first record. */
  first(topic: string, partition: number): Promise<number> {
    return this.#of(topic, partition, earliest);
  }

  /** The offset that the next record will get, not before this call. */
  end(topic: string, partition: number): Promise<number> {
    return this.#of(topic, partition, latest);
  }

  #of(topic: string, partition: number, timestamp: number): Promise<number> {
    const name = `${topic}/${partition} ${timestamp}`;
    const asked = this.#asked.get(name);
    if (asked !== undefined) return asked.answer.promise;
    const question = { topic, partition, timestamp, answer: Promise.withResolvers<number>() };
    if (this.#asked.size === 0) setImmediate(() => this.#askAll());
    this.#asked.set(name, question);
    return question.answer.promise;
  }

  #askAll(): void {
    const groups = new Map<string, { readonly leader: NodeId; readonly questions: Question[] }>();
    for (const question of this.#asked.values()) {
      const leader = this.#brokers.leader(question.topic, question.partition);
      // A request cannot name a partition twice.
      const name = `${leader} ${question.timestamp}`;
      const group = groups.get(name);
      if (leader === undefined) void this.#askWhoLeads(question);
      else if (group === undefined) groups.set(name, { leader, questions: [question] });
      else group.questions.push(question);
    }
    this.#asked.clear();
    for (const { leader, questions } of groups.values()) void this.#ask(leader, questions);
  }

  /** Alone: others need not wait for it. */
  async #askWhoLeads(question: Question): Promise<void> {
    try {
      await this.#ask(await this.#brokers.leaderOf(question.topic, question.partition), [question]);
    } catch (error) {
      question.answer.reject(error);
    }
  }

  async #ask(leader: NodeId, questions: readonly Question[]): Promise<void> {
    try {
      const wire = await this.#brokers.wire(leader, 'asking');
      const topics = byTopic(questions, ({ partition, timestamp }) => ({ partition, timestamp }));
      const { responses } = await wire.ask<ListedOffsets>(api.listOffsets, { topics });
      for (const question of questions) this.#settle(question, responses);
    } catch (error) {
      for (const { answer } of questions) answer.reject(error);
    }
  }

  #settle({ topic, partition, answer }: Question, responses: ListedOffsets['responses']): void {
    const partitions = responses.find((response) => response.topic === topic)?.partitions;
    const found = partitions?.find((one) => one.partition === partition);
    if (found?.errorCode === errorCode.none) return answer.resolve(Number(found.offset));
    this.#brokers.forget(topic, partition);
    answer.reject(new WireBroken(`${topic}/${partition}: ${describeError(found?.errorCode ?? -1)}`));
  }
}
