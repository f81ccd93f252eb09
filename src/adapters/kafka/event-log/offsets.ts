import type { Brokers, NodeId } from './brokers.ts';
import { errorCode } from './protocol-errors.ts';
import { byTopic } from './request-bodies.ts';
import { api, describeError, WireBroken } from './wire.ts';

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
 * First and end offsets of partitions. Requests of one turn of the event loop share one request per broker: a connect asks for the ends of all
 * partitions. Rejects with WireBroken.
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
