import {
  type Appended,
  type Erasure,
  type EventLog,
  type LogRecord,
  LogTruncated,
  LogUnavailable,
  logFormat,
  type NewRecord,
} from '../../../ports/event-log.ts';
import type { Logger } from '../../../ports/telemetry.ts';
import { Brokers } from './brokers.ts';
import type { KafkaConnectionConfig } from './client.ts';
import { Eraser } from './eraser.ts';
import { CurrentKeys, KeyRing } from './key-ring.ts';
import { openTimeoutMs, patientFetchMs } from './limits.ts';
import { Opener } from './opener.ts';
import type { PlacedRecord } from './partition-queue.ts';
import { Positions } from './positions.ts';
import { Producer } from './producer.ts';
import { Reader } from './reader.ts';
import { encodeMark, LogOfLaterRelease, releaseMarkKey } from './release-mark.ts';
import { withRetries } from './retries.ts';
import { seal } from './sealing.ts';
import { WireBroken } from './wire.ts';

/** Which log, and how it is used. */
export interface KafkaLogOptions {
  readonly config: KafkaConnectionConfig;
  /** Name to number of partitions. They exist, with the settings of `topicDefinitions`. */
  readonly topics: Readonly<Record<string, number>>;
  /** Those of the topics that a log that is only read may lack, since an earlier release has not made them. */
  readonly mayLack?: readonly string[];
  /** Topics whose content (`NewRecord.contentOffset`) can be erased, and the compacted topic of the content's keys. */
  readonly erasable: { readonly topics: readonly string[]; readonly keysTopic: string };
  readonly logger: Logger;
  /** A log that is only read refuses appends, erasures and commits with TypeError. */
  readonly mode: 'write' | 'read';
  /** Which release of Parley opens it for writing: the log is marked with it. Without one it is neither marked nor refused. */
  readonly release?: string;
  /** Its tails are in no hurry: what comes within some milliseconds is fetched together. Default: everything as soon as it is there. */
  readonly isPatient?: boolean;
}

/** The log on Apache Kafka. Records given to `append` are kept for tails and must not be changed afterwards. */
export interface KafkaLog extends EventLog {
  /** Name to number of partitions. */
  readonly topics: ReadonlyMap<string, number>;

  /** As every log's. In topics that take times from those who write (topic-times.ts), a record keeps the time that it is given. */
  append(records: readonly RecordToAppend[]): Promise<readonly Appended[]>;
}

/** A record to append. */
export interface RecordToAppend extends NewRecord {
  /** Milliseconds since the epoch. */
  readonly timeMs?: number;
}

/** Opens the log. Rejects with LogOfLaterRelease when a later release has written to it, and with LogUnavailable when its brokers cannot be reached within 10 s, or the topics are not there. */
export async function openKafkaLog(options: KafkaLogOptions): Promise<KafkaLog> {
  const { config, erasable, mode } = options;
  const all = Object.entries({
    ...options.topics,
    ...(erasable.topics.length === 0 ? {} : { [erasable.keysTopic]: 1 }),
  });
  const brokers = new Brokers(
    config,
    all.map(([topic]) => topic),
  );
  const mayLack = new Set(mode === 'read' ? options.mayLack : []);
  const isThere = ([topic]: readonly [string, number]) => !mayLack.has(topic) || brokers.leader(topic, 0) !== undefined;
  try {
    await withRetries('Kafka', 'not-written', () => findLeaders(brokers, all, isThere), openTimeoutMs);
  } catch (error) {
    brokers[Symbol.dispose]();
    throw error;
  }
  const topics = Object.fromEntries(Object.entries(options.topics).filter(isThere));
  const log = new KafkaHandle({ ...options, topics }, brokers);
  try {
    if (options.mode === 'write' && options.release !== undefined) await log.mark(options.release);
    return log;
  } catch (error) {
    await log[Symbol.asyncDispose]();
    throw error;
  }
}

async function findLeaders(
  brokers: Brokers,
  topics: readonly (readonly [string, number])[],
  isThere: (topic: readonly [string, number]) => boolean,
): Promise<void> {
  await brokers.refresh();
  for (const [topic, partitions] of topics.filter(isThere)) {
    for (let partition = 0; partition < partitions; partition += 1) {
      if (brokers.leader(topic, partition) === undefined)
        throw new WireBroken(`${topic}/${partition} does not exist, or has no leader`);
    }
  }
}

/** Brokers tell the times that they have given, and of others -1. */
function withGivenTimes(places: readonly Appended[], records: readonly RecordToAppend[]): readonly Appended[] {
  return places.map((place, index) => {
    const timeMs = records[index]?.timeMs;
    return place.timeMs >= 0 || timeMs === undefined ? place : { ...place, timeMs };
  });
}

class KafkaHandle implements KafkaLog {
  readonly topics: ReadonlyMap<string, number>;
  readonly #topology: Topology;
  readonly #isWritable: boolean;
  readonly #erasable: ReadonlySet<string>;
  readonly #brokers: Brokers;
  readonly #reader: Reader;
  readonly #producer: Producer;
  readonly #positions: Positions;
  readonly #ring: KeyRing | undefined;
  readonly #keysTopic: string;
  readonly #logger: Logger;
  readonly #currentKeys: CurrentKeys | undefined;
  readonly #opener: Opener;
  readonly #eraser: Eraser;
  #closed: Promise<void> | undefined;

  constructor({ topics, erasable, logger, mode, isPatient = false }: KafkaLogOptions, brokers: Brokers) {
    this.topics = new Map(Object.entries(topics));
    this.#topology = new Topology(this.topics);
    this.#isWritable = mode === 'write';
    this.#erasable = new Set(erasable.topics);
    this.#brokers = brokers;
    this.#reader = new Reader(brokers, logger, isPatient ? patientFetchMs : 0);
    this.#producer = new Producer(brokers, logger);
    this.#positions = new Positions(brokers);
    const { keysTopic } = erasable;
    this.#keysTopic = keysTopic;
    this.#logger = logger;
    this.#ring = erasable.topics.length === 0 ? undefined : new KeyRing(keysTopic, this.#reader, logger);
    this.#currentKeys =
      this.#ring &&
      new CurrentKeys(this.#ring, async ({ id, bytes }) => {
        const record = { key: id, value: bytes, headers: {} };
        const [place] = await this.#producer.append([{ topic: keysTopic, partition: 0, record }]);
        return place?.offset ?? 0;
      });
    this.#opener = new Opener(this.#ring);
    this.#eraser = new Eraser(this.#reader, this.#producer, this.#ring, keysTopic);
    this.#ring?.start();
  }

  /** Marks the log as written by this release. Rejects with LogOfLaterRelease, or with LogUnavailable. */
  async mark(release: string): Promise<void> {
    if (this.#ring === undefined) return;
    await this.#ring.sync();
    const before = this.#ring.mark;
    if (before !== undefined && before.format > logFormat) throw new LogOfLaterRelease(this.#keysTopic, before);
    if (before?.release === release && before.format === logFormat) return;
    const value = encodeMark({ release, format: logFormat });
    const record = { key: releaseMarkKey, value, headers: {} };
    await this.#producer.append([{ topic: this.#keysTopic, partition: 0, record }]);
    if (before !== undefined)
      this.#logger.info({ before: before.release }, 'another release has written to the log before');
  }

  partitions(topic: string): number {
    return this.#topology.partitions(topic);
  }

  async append(records: readonly RecordToAppend[]): Promise<readonly Appended[]> {
    this.#assertWritable();
    for (const { topic, partition } of records) this.#topology.check(topic, partition);
    if (records.length === 0) return [];
    const keys: Promise<void>[] = [];
    const placed = records.map((record) => this.#toStore(record, keys));
    const places = await this.#producer.append(placed, keys.length === 0 ? undefined : Promise.all(keys));
    for (const [index, { topic, partition, offset }] of places.entries()) {
      const given = records[index];
      if (given !== undefined) this.#opener.own(topic, partition)?.put(offset, given);
    }
    return places.some(({ timeMs }) => timeMs < 0) ? withGivenTimes(places, records) : places;
  }

  async read(topic: string, partition: number, fromOffset: number, maxRecords: number): Promise<readonly LogRecord[]> {
    this.#topology.check(topic, partition);
    this.#assertOpen();
    const stored = await this.#reader.read(topic, partition, fromOffset, maxRecords);
    const { records, damage } = await this.#opener.open(topic, partition, stored);
    if (damage !== undefined && records.length === 0) throw damage;
    return records;
  }

  tail(topic: string, partition: number, fromOffset: number, signal: AbortSignal): AsyncIterable<readonly LogRecord[]> {
    this.#topology.check(topic, partition);
    return this.#tail(topic, partition, fromOffset, signal);
  }

  async erase(topic: string, partition: number, erasures: readonly Erasure[]): Promise<void> {
    this.#assertWritable();
    this.#topology.check(topic, partition);
    this.#assertOpen();
    await this.#eraser.erase(topic, partition, erasures);
  }

  async endOffset(topic: string, partition: number): Promise<number> {
    this.#topology.check(topic, partition);
    this.#assertOpen();
    return this.#reader.endOffset(topic, partition);
  }

  async committed(group: string, topic: string, partition: number): Promise<number> {
    this.#topology.check(topic, partition);
    this.#assertOpen();
    return this.#positions.committed(group, topic, partition);
  }

  async commit(group: string, topic: string, partition: number, offset: number): Promise<void> {
    this.#assertWritable();
    this.#topology.check(topic, partition);
    await this.#positions.commit(group, topic, partition, offset);
  }

  /** Answers what has been appended and committed, then closes; a second call waits for the first. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const stopped = this.#ring?.stop();
    this.#reader.close();
    await Promise.all([this.#producer.close(), this.#positions.close()]);
    this.#brokers[Symbol.dispose]();
    await stopped;
  }

  async *#tail(
    topic: string,
    partition: number,
    fromOffset: number,
    signal: AbortSignal,
  ): AsyncGenerator<readonly LogRecord[], void, void> {
    this.#opener.follow(topic, partition);
    try {
      for await (const stored of this.#reader.tail(topic, partition, fromOffset, signal)) {
        const { records, damage } = await this.#opener.open(topic, partition, stored);
        if (signal.aborted) return;
        if (records.length > 0) yield records;
        if (damage !== undefined) throw damage;
      }
    } catch (error) {
      // Other records will stand at the offsets of those that this process has appended.
      if (error instanceof LogTruncated) this.#opener.forget(topic, partition);
      throw error;
    }
  }

  /** The record as it is stored. A key that seals it and is not stored itself is added to `keys`. */
  #toStore(given: RecordToAppend, keys: Promise<void>[]): PlacedRecord {
    const { topic, partition, key, headers, value, contentOffset, timeMs } = given;
    const time = timeMs === undefined ? undefined : { timeMs };
    const record = { key, headers, value, ...time };
    if (contentOffset === undefined || this.#currentKeys === undefined || !this.#erasable.has(topic))
      return { topic, partition, record };
    if (!Number.isInteger(contentOffset) || contentOffset < 0 || contentOffset > value.length)
      throw new RangeError(`words at ${contentOffset} of a value of ${value.length} bytes`);
    if (contentOffset === value.length) return { topic, partition, record };
    const current = this.#currentKeys.for(given);
    if (current.stored !== undefined) keys.push(current.stored);
    return { topic, partition, record: { ...seal(given, contentOffset, current), ...time } };
  }

  #assertWritable(): void {
    if (!this.#isWritable) throw new TypeError('this handle of the log is for reading');
  }

  #assertOpen(): void {
    if (this.#closed !== undefined) throw new LogUnavailable('the log is closed', 'not-written');
  }
}

/** Topics and how many partitions each has. */
class Topology {
  readonly #topics: ReadonlyMap<string, number>;

  constructor(topics: ReadonlyMap<string, number>) {
    this.#topics = topics;
  }

  /** 0: there is no such topic. */
  partitions(topic: string): number {
    return this.#topics.get(topic) ?? 0;
  }

  /** Throws RangeError when there is no such partition. */
  check(topic: string, partition: number): void {
    const partitions = this.#topics.get(topic);
    if (partitions === undefined) throw new RangeError(`the log has no topic ${topic}`);
    if (!Number.isInteger(partition) || partition < 0 || partition >= partitions)
      throw new RangeError(`topic ${topic} has partitions 0 to ${partitions - 1}, not ${partition}`);
  }
}
