import type { AdmissionEvent } from '../domain/admission/events.ts';
import type { ConversationEvent } from '../domain/conversation/events.ts';
import type { SpendingEvent } from '../domain/spending/events.ts';
import type { Decoded, EventCodec, ParleyEvent } from '../ports/event-codec.ts';
import type { Appended, EventLog, LogRecord } from '../ports/event-log.ts';
import type { RecordPlace } from '../ports/operations-views.ts';
import type { TraceContext } from '../ports/tracing.ts';

/** The topics of a deployment; every name carries its prefix. */
export interface Topics {
  readonly connections: string;
  readonly conversations: string;
  readonly spending: string;
}

/** The topics of the deployment with this prefix. */
export function topicsOf(prefix: string): Topics {
  return {
    connections: `${prefix}.connections`,
    conversations: `${prefix}.conversations`,
    spending: `${prefix}.spending`,
  };
}

/** How many partitions each topic has, by its name, in a deployment with so many of conversations. */
export function partitionsOf(prefix: string, partitions: number): Readonly<Record<string, number>> {
  const { connections, conversations, spending } = topicsOf(prefix);
  return { [connections]: 1, [conversations]: partitions, [spending]: 1 };
}

/** A decoded record and its place. */
export interface JournalEntry<E extends ParleyEvent = ParleyEvent> {
  readonly offset: number;
  readonly timeMs: number;
  readonly decoded: Decoded<E>;
  /** What the record's writer was doing; undefined where that was not traced. */
  readonly trace?: TraceContext;
  /** Of one that was appended in another record's stead: the place of that one, as `nameOfPlace` gives it. */
  readonly replayOf?: string;
}

/** Names the record in whose stead this one was appended. */
const replayOfHeader = 'parley_replay_of';

/** `topic/partition/offset`. */
export function nameOfPlace({ topic, partition, offset }: RecordPlace): string {
  return `${topic}/${partition}/${offset}`;
}

/** The log in terms of events: what the use cases, workers and projections read and write. */
export class Journal {
  readonly log: EventLog;
  readonly topics: Topics;
  readonly #codec: EventCodec;

  constructor(log: EventLog, codec: EventCodec, prefix: string) {
    this.log = log;
    this.topics = topicsOf(prefix);
    this.#codec = codec;
  }

  /** Appends to the one partition of `connections`. Rejects with LogUnavailable. */
  appendConnection(events: readonly AdmissionEvent[]): Promise<readonly Appended[]> {
    return this.#append(this.topics.connections, 0, '', events, undefined);
  }

  /** Appends to the one partition of `spending`. Rejects with LogUnavailable. */
  appendSpending(events: readonly SpendingEvent[]): Promise<readonly Appended[]> {
    return this.#append(this.topics.spending, 0, '', events, undefined);
  }

  /** Appends events of one conversation to its partition, in order, as a step of `trace`, if it is given and traced. Rejects with LogUnavailable. */
  appendConversation(
    partition: number,
    conversationId: string,
    events: readonly ConversationEvent[],
    trace?: TraceContext,
  ): Promise<readonly Appended[]> {
    return this.#append(this.topics.conversations, partition, conversationId, events, trace);
  }

  /**
   * Appends a copy of a record in its own partition: with a new id, and a header that names the original. With `event`: its replacement, an event of the
   * same type. Resolves to its place. Rejects with LogUnavailable.
   */
  async appendReplay(record: LogRecord, eventId: string, event?: ConversationEvent): Promise<RecordPlace> {
    const { topic, partition, key } = record;
    const headers = { ...record.headers, ce_id: eventId, [replayOfHeader]: nameOfPlace(record) };
    const value = event === undefined ? record.value : this.#codec.encode(event).value;
    const facts = this.#codec.redact({ headers, value });
    const words = facts === undefined ? {} : { contentOffset: facts.length };
    const [at] = await this.log.append([{ topic, partition, key, headers, value, ...words }]);
    if (at === undefined) throw new Error('the log answered an append of one record with none');
    return { topic, partition, offset: at.offset };
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
    const { says } = record;
    return says === undefined ? (this.#codec.decode(record) as Decoded<E>) : { kind: 'event', event: says as E };
  }

  /** What erasing the words of a record must leave of its value (EventLog.erase); undefined when it has none. */
  redact(record: LogRecord): Uint8Array | undefined {
    return this.#codec.redact(record);
  }

  #entry<E extends ParleyEvent>(record: LogRecord): JournalEntry<E> {
    const { offset, timeMs, headers } = record;
    const decoded = this.decode<E>(record);
    const trace = traceOf(headers);
    const entry = trace === undefined ? { offset, timeMs, decoded } : { offset, timeMs, decoded, trace };
    const replayOf = headers[replayOfHeader];
    return replayOf === undefined ? entry : { ...entry, replayOf };
  }

  async #append(
    topic: string,
    partition: number,
    key: string,
    events: readonly ParleyEvent[],
    trace: TraceContext | undefined,
  ): Promise<readonly Appended[]> {
    return this.log.append(
      events.map((event) => {
        const encoded = this.#codec.encode(event);
        const facts = this.#codec.redact(encoded);
        const words = facts && { contentOffset: facts.length };
        return { topic, partition, key, ...encoded, says: event, ...words, ...(trace && { trace }) };
      }),
    );
  }
}

function traceOf(headers: LogRecord['headers']): TraceContext | undefined {
  const { traceparent, tracestate } = headers;
  if (traceparent === undefined) return undefined;
  return tracestate === undefined ? { traceparent } : { traceparent, tracestate };
}
