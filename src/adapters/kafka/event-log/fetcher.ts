import { setTimeout as sleep } from 'node:timers/promises';
import { LogDamaged, LogTruncated, LogUnavailable } from '../../../ports/event-log.ts';
import type { Logger } from '../../../ports/telemetry.ts';
import { Alarm } from './alarm.ts';
import type { Brokers, NodeId } from './brokers.ts';
import { FetchSession, TailQueue } from './fetch-session.ts';
import {
  lingerBytes,
  lingerMs,
  longPollMs,
  maxFetchBytes,
  maxFetchPartitionBytes,
  shortPollMs,
  suspectEndMs,
} from './limits.ts';
import type { FetchedPartition } from './messages.ts';
import { errorCode } from './protocol-errors.ts';
import { describeError, WireBroken } from './wire.ts';

/** Which offsets a partition has. */
export type Bounds = (topic: string, partition: number) => Promise<{ readonly first: number; readonly end: number }>;

/**
 * The fetches of all tails: one long poll per broker for all partitions that it leads. Partitions that join meanwhile (a new tail, or one that has space
 * again) are fetched by short polls on a second connection, until the long poll returns and includes them.
 */
export class Fetcher {
  readonly #brokers: Brokers;
  readonly #logger: Logger;
  readonly #bounds: Bounds;
  readonly #gatherMs: number;
  readonly #sessions = new Set<FetchSession>();
  readonly #underWay = new Set<string>();
  readonly #retry = new Alarm(() => this.#pump());
  /** Partitions that cannot be read at the moment. */
  readonly #down = new Set<string>();
  #isDiscovering = false;
  #isPumpDue = false;
  #closed = false;

  /** `gatherMs`: between a fetch that has brought something and the next. */
  constructor(brokers: Brokers, bounds: Bounds, logger: Logger, gatherMs: number) {
    this.#brokers = brokers;
    this.#bounds = bounds;
    this.#logger = logger;
    this.#gatherMs = gatherMs;
  }

  /** Fetches what a partition has from the offset on, until the queue is given to `end`. */
  begin(topic: string, partition: number, fromOffset: number, isSparse: boolean): TailQueue {
    const queue = new TailQueue(() => this.#pumpSoon());
    if (this.#closed) queue.fail(new LogUnavailable('the log is closed', 'not-written'));
    else this.#open(queue, new FetchSession(topic, partition, fromOffset, isSparse));
    return queue;
  }

  /** Fetches no more for this queue. */
  end(queue: TailQueue): void {
    for (const session of this.#sessions) {
      if (session.tails.delete(queue) && session.tails.size === 0) this.#drop(session);
    }
  }

  /** Ends every tail with LogUnavailable. */
  close(): void {
    this.#closed = true;
    this.#retry[Symbol.dispose]();
    for (const session of this.#sessions) this.#fail(session, new LogUnavailable('the log is closed', 'not-written'));
  }

  #open(queue: TailQueue, session: FetchSession): void {
    session.tails.add(queue);
    this.#sessions.add(session);
    this.#pumpSoon();
  }

  #pumpSoon(): void {
    if (this.#isPumpDue || this.#closed) return;
    this.#isPumpDue = true;
    queueMicrotask(() => {
      this.#isPumpDue = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#closed) return;
    this.#merge();
    this.#split();
    const leaders = new Set<NodeId>();
    let isLost = false;
    for (const { topic, partition } of this.#due()) {
      const leader = this.#brokers.leader(topic, partition);
      if (leader === undefined) isLost = true;
      else leaders.add(leader);
    }
    if (isLost) void this.#discover();
    for (const leader of leaders) {
      // A long one waits for a short one to return: begun beside it, it would leave out what that one fetches, and so for ever.
      if (this.#underWay.has(`tailing newcomers ${leader}`)) continue;
      if (!this.#underWay.has(`tailing ${leader}`)) void this.#fetch(leader, 'tailing', longPollMs);
      if (this.#due(leader).length > 0) void this.#fetch(leader, 'tailing newcomers', shortPollMs);
    }
  }

  /** Tails at the same offset are merged, also while a fetch for one of them is in flight: its records start at their common offset. */
  #merge(): void {
    const byPlace = new Map<string, FetchSession>();
    for (const session of [...this.#sessions].sort((one, other) => Number(other.busy) - Number(one.busy))) {
      const place = `${session.topic}/${session.partition}/${session.position}`;
      const other = byPlace.get(place);
      if (other === undefined) byPlace.set(place, session);
      else if (!session.busy) {
        for (const tail of session.tails) other.tails.add(tail);
        this.#sessions.delete(session);
      }
    }
  }

  /** A tail that has no room holds up no other: it goes on by itself when it has. */
  #split(): void {
    for (const session of [...this.#sessions]) {
      if (session.busy || session.tails.size < 2) continue;
      const full = [...session.tails].filter((tail) => !tail.hasRoom);
      if (full.length === session.tails.size) continue;
      for (const tail of full) {
        session.tails.delete(tail);
        this.#open(tail, new FetchSession(session.topic, session.partition, session.position, session.isSparse));
      }
    }
  }

  /** What may be fetched now, at most one of each partition, since a request cannot name it twice. */
  #due(leader?: NodeId): readonly FetchSession[] {
    const nowMs = performance.now();
    const byPartition = new Map<string, FetchSession>();
    for (const session of this.#sessions) {
      const { topic, partition } = session;
      if (session.busy || ![...session.tails].every((tail) => tail.hasRoom)) continue;
      if (session.notBeforeMs > nowMs) {
        this.#retry.set(session.notBeforeMs);
        continue;
      }
      if (leader !== undefined && this.#brokers.leader(topic, partition) !== leader) continue;
      const other = byPartition.get(`${topic}/${partition}`);
      if (other === undefined || session.position < other.position) byPartition.set(`${topic}/${partition}`, session);
    }
    return [...byPartition.values()];
  }

  async #discover(): Promise<void> {
    if (this.#isDiscovering) return;
    this.#isDiscovering = true;
    let why: unknown = new WireBroken('it has no leader');
    await this.#brokers.refresh().catch((error: unknown) => {
      why = error;
    });
    this.#isDiscovering = false;
    for (const session of this.#due()) {
      if (this.#brokers.leader(session.topic, session.partition) === undefined) this.#lost(session, why);
    }
    this.#pumpSoon();
  }

  async #fetch(leader: NodeId, purpose: 'tailing' | 'tailing newcomers', maxWaitMs: number): Promise<void> {
    const sessions = this.#due(leader);
    for (const session of sessions) session.busy = true;
    this.#underWay.add(`${purpose} ${leader}`);
    try {
      const wire = await this.#brokers.wire(leader, purpose);
      const partitions = sessions.map(({ topic, partition, position }) => ({
        topic,
        partition,
        fromOffset: position,
        maxBytes: maxFetchPartitionBytes,
      }));
      const answers = await wire.fetch(partitions, maxFetchBytes, maxWaitMs);
      await this.#deliver(sessions, answers);
      await this.#gather(answers);
    } catch (error) {
      for (const session of sessions) this.#lost(session, error);
    } finally {
      for (const session of sessions) session.busy = false;
      this.#underWay.delete(`${purpose} ${leader}`);
      this.#pump();
    }
  }

  /** Lingers before the next fetch, under load always; not after a full response. */
  async #gather(answers: readonly FetchedPartition[]): Promise<void> {
    const bytes = answers.reduce((sum, { records }) => sum + records.length, 0);
    if (bytes === 0 || bytes >= maxFetchPartitionBytes) return;
    const waitMs = bytes < lingerBytes ? this.#gatherMs : Math.max(this.#gatherMs, lingerMs);
    if (waitMs > 0) await sleep(waitMs);
  }

  async #deliver(sessions: readonly FetchSession[], answers: readonly FetchedPartition[]): Promise<void> {
    const byPlace = new Map(sessions.map((session) => [`${session.topic}/${session.partition}`, session]));
    for (const answer of answers) {
      const session = byPlace.get(`${answer.topic}/${answer.partition}`);
      if (session === undefined) continue;
      if (answer.errorCode === errorCode.offsetOutOfRange) await this.#outOfRange(session);
      else if (answer.errorCode !== errorCode.none)
        this.#lost(session, new WireBroken(describeError(answer.errorCode)));
      else this.#take(session, answer.records);
    }
  }

  #take(session: FetchSession, bytes: Buffer): void {
    if (this.#down.delete(`${session.topic}/${session.partition}`) && this.#down.size === 0)
      this.#logger.info({}, 'Kafka can be read again');
    session.isSuspect = false;
    if (bytes.length === 0) return;
    try {
      session.deliver(bytes);
      // The one that got nothing comes first the next time, should an answer not hold all.
      if (this.#sessions.delete(session)) this.#sessions.add(session);
    } catch (error) {
      if (!(error instanceof LogDamaged)) throw error;
      this.#fail(session, error);
    }
  }

  /**
   * Offsets before the first record were deleted. Offsets behind the last one were read before: the log has been truncated. The leader is asked twice,
   * as it is known and after a metadata refresh, since a deposed one may lack the newest records.
   */
  async #outOfRange(session: FetchSession): Promise<void> {
    const { topic, partition, position } = session;
    const { first, end } = await this.#bounds(topic, partition);
    if (position < first) {
      const what = `the records before ${first} were deleted`;
      return this.#fail(session, new LogDamaged(topic, partition, position, what));
    }
    if (position > end && session.isSuspect)
      return this.#fail(session, new LogTruncated(topic, partition, position, end));
    session.isSuspect = position > end;
    session.notBeforeMs = performance.now() + suspectEndMs;
    this.#retry.set(session.notBeforeMs);
    this.#brokers.forget(topic, partition);
  }

  #fail(session: FetchSession, error: Error): void {
    for (const tail of session.tails) tail.fail(error);
    session.tails.clear();
    this.#drop(session);
  }

  #drop(session: FetchSession): void {
    this.#sessions.delete(session);
    this.#down.delete(`${session.topic}/${session.partition}`);
  }

  /** Its broker could not be reached or leads it no more: it is tried again, with whoever leads it then. */
  #lost(session: FetchSession, error: unknown): void {
    // Its connections were closed with it.
    if (this.#closed) return;
    const { topic, partition } = session;
    this.#brokers.forget(topic, partition);
    this.#retry.set(session.backOff(performance.now()));
    if (!(error instanceof WireBroken))
      this.#logger.error({ topic, partition, err: error }, 'a fetch from Kafka failed');
    if (this.#down.has(`${topic}/${partition}`)) return;
    if (this.#down.size === 0) this.#logger.warn({ topic, partition, err: error }, 'Kafka cannot be read');
    this.#down.add(`${topic}/${partition}`);
  }
}
