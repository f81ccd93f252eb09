import type { AdmissionEvent } from '../domain/admission/events.ts';
import type { ConversationEvent } from '../domain/conversation/events.ts';
import type { Decoded, EventCodec, ParleyEvent } from '../ports/event-codec.ts';
import type { Appended, EventLog, LogRecord } from '../ports/event-log.ts';

/** The topics of a deployment; every name carries its prefix. */
export interface Topics {
  readonly connections: string;
  readonly conversations: string;
}

/** The topics of the deployment with this prefix. */
export function topicsOf(prefix: string): Topics {
  return { connections: `${prefix}.connections`, conversations: `${prefix}.conversations` };
}

/** A decoded record and its place. */
export interface JournalEntry<E extends ParleyEvent = ParleyEvent> {
  readonly offset: number;
  readonly timeMs: number;
  readonly decoded: Decoded<E>;
}

/** The log in terms of events: what the use cases, workers and projections read and write. */
export class Journal {
  readonly log: EventLog;
  readonly topics: Topics;
  readonly #codec: EventCodec;
  /** What this process has appended, by its bytes: the log hands the very same back to tails, and need not decode it. */
  readonly #written = new WeakMap<Uint8Array, ParleyEvent>();

  constructor(log: EventLog, codec: EventCodec, prefix: string) {
    this.log = log;
    this.topics = topicsOf(prefix);
    this.#codec = codec;
  }

  /** Appends to the one partition of `connections`. Rejects with LogUnavailable. */
  async appendConnection(events: readonly AdmissionEvent[]): Promise<readonly Appended[]> {
    return this.#append(this.topics.connections, 0, '', events);
  }

  /** Appends events of one conversation to its partition, in order. Rejects with LogUnavailable. */
  async appendConversation(
    partition: number,
    conversationId: string,
    events: readonly ConversationEvent[],
  ): Promise<readonly Appended[]> {
    return this.#append(this.topics.conversations, partition, conversationId, events);
  }

  /** Every record from the offset on, decoded, until the signal aborts. Throws LogDamaged. */
  async *tail<E extends ParleyEvent>(
    topic: string,
    partition: number,
    fromOffset: number,
    signal: AbortSignal,
  ): AsyncIterable<readonly JournalEntry<E>[]> {
    for await (const batch of this.log.tail(topic, partition, fromOffset, signal)) {
      yield batch.map((record) => this.#entry<E>(record));
    }
  }

  /** Up to `maxRecords` records from the offset on, decoded; empty at the end. Rejects with LogDamaged or LogUnavailable. */
  async read<E extends ParleyEvent>(
    topic: string,
    partition: number,
    fromOffset: number,
    maxRecords: number,
  ): Promise<readonly JournalEntry<E>[]> {
    const records = await this.log.read(topic, partition, fromOffset, maxRecords);
    return records.map((record) => this.#entry<E>(record));
  }

  /** What a record says. */
  decode<E extends ParleyEvent>(record: LogRecord): Decoded<E> {
    const written = this.#written.get(record.value);
    const decoded = written === undefined ? this.#codec.decode(record) : { kind: 'event', event: written };
    return decoded as Decoded<E>;
  }

  /** What erasing the words of a record must leave of its value (EventLog.erase); undefined when it has none. */
  withoutWords(record: LogRecord): Uint8Array | undefined {
    return this.#codec.withoutWords(record);
  }

  #entry<E extends ParleyEvent>(record: LogRecord): JournalEntry<E> {
    const { offset, timeMs } = record;
    return { offset, timeMs, decoded: this.decode(record) };
  }

  #append(topic: string, partition: number, key: string, events: readonly ParleyEvent[]): Promise<readonly Appended[]> {
    return this.log.append(
      events.map((event) => {
        const encoded = this.#codec.encode(event);
        this.#written.set(encoded.value, event);
        const facts = this.#codec.withoutWords(encoded);
        return { topic, partition, key, ...encoded, ...(facts === undefined ? {} : { wordsAt: facts.length }) };
      }),
    );
  }
}
