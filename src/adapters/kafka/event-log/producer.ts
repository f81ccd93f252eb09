import { setTimeout as sleep } from 'node:timers/promises';
import { type Appended, LogUnavailable } from '../../../ports/event-log.ts';
import type { Logger } from '../../../ports/telemetry.ts';
import { Alarm } from './alarm.ts';
import type { Brokers, NodeId } from './brokers.ts';
import {
  appendTimeoutMs,
  crowdCalls,
  lingerCalls,
  lingerMs,
  maxBatchBytes,
  maxQueuedBytes,
  maxRequestBytes,
} from './limits.ts';
import { AppendCall, type Part, PartitionQueue, type PlacedRecord } from './partition-queue.ts';
import { errorCode, isPassing, isPoisoning } from './protocol-errors.ts';
import { recordBytes } from './record-batch.ts';
import { describeError, type ProducedBatch, WireBroken } from './wire.ts';

/**
 * Appends to partitions: whatever gathered for a broker while its last request was under way, and a moment longer when that carried several calls,
 * goes as the next; and when none is, what one turn of the event loop appended goes at the end of that turn. Idempotent: a batch is sent as it was until the broker has answered, and stored once.
 */
export class Producer {
  readonly #brokers: Brokers;
  readonly #logger: Logger;
  readonly #queues = new Map<string, PartitionQueue>();
  /** Those with something left to do. */
  readonly #active = new Set<PartitionQueue>();
  readonly #calls = new Set<AppendCall>();
  readonly #busyNodes = new Set<NodeId>();
  readonly #expiry = new Alarm(() => this.#expire());
  readonly #retry = new Alarm(() => this.#pump());
  #queuedBytes = 0;
  #isDiscovering = false;
  #isPumpDue = false;
  #closing: PromiseWithResolvers<void> | undefined;

  constructor(brokers: Brokers, logger: Logger) {
    this.#brokers = brokers;
    this.#logger = logger;
  }

  /**
   * Appends the records once `ready` resolves, in the order of the calls, partition by partition. Rejects with LogUnavailable, after 5 s at most;
   * RangeError, when one partition's records are too large for a batch.
   */
  append(records: readonly PlacedRecord[], ready?: Promise<unknown>): Promise<readonly Appended[]> {
    // A call that is refused at once waits for nothing: that what it needs fails later is no unhandled rejection, which would end the process.
    ready?.catch(() => undefined);
    if (this.#closing !== undefined) return refused('the log is closed');
    if (this.#queuedBytes > maxQueuedBytes) return refused('too much waits to be written');
    const call = new AppendCall(records, performance.now() + appendTimeoutMs);
    const parts = this.#partsOf(call, records);
    for (const [{ topic, partition, unavailable }, { bytes }] of parts) {
      if (bytes > maxBatchBytes)
        return Promise.reject(
          new RangeError(`${bytes} bytes for ${topic}/${partition}: a call holds ${maxBatchBytes} at most`),
        );
      if (unavailable) return refused(`${topic}/${partition} takes no records at the moment`);
    }
    for (const [queue, part] of parts) {
      this.#queuedBytes += part.bytes;
      queue.add(part);
      this.#active.add(queue);
    }
    this.#calls.add(call);
    this.#expiry.set(call.deadlineMs);
    if (ready === undefined) this.#pumpSoon();
    else this.#await(call, ready);
    return call.answer;
  }

  /** Flushes pending appends, within their timeouts; refuses later ones. */
  async close(): Promise<void> {
    this.#closing ??= Promise.withResolvers();
    this.#endIfDone();
    await this.#closing.promise;
    this.#expiry[Symbol.dispose]();
    this.#retry[Symbol.dispose]();
  }

  #await(call: AppendCall, ready: Promise<unknown>): void {
    call.ready = false;
    ready.then(
      () => {
        call.ready = true;
        this.#pumpSoon();
      },
      (error: unknown) => {
        call.fail('what its records need could not be written before them', error);
        this.#sweep();
      },
    );
  }

  /** One part for each partition that the call names. */
  #partsOf(call: AppendCall, records: readonly PlacedRecord[]): readonly (readonly [PartitionQueue, Part])[] {
    const byQueue = new Map<PartitionQueue, number[]>();
    for (const [index, { topic, partition }] of records.entries()) {
      const queue = this.#queue(topic, partition);
      const indices = byQueue.get(queue);
      if (indices === undefined) byQueue.set(queue, [index]);
      else indices.push(index);
    }
    return [...byQueue].map(([queue, indices]) => {
      const own = indices.map((index) => (records[index] as PlacedRecord).record);
      const bytes = own.reduce((sum, record) => sum + recordBytes(record), 0);
      return [queue, { call, records: own, indices, bytes }];
    });
  }

  #queue(topic: string, partition: number): PartitionQueue {
    const name = `${topic}/${partition}`;
    const found = this.#queues.get(name);
    if (found !== undefined) return found;
    const queue = new PartitionQueue(topic, partition);
    this.#queues.set(name, queue);
    return queue;
  }

  #pumpSoon(): void {
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    setImmediate(() => {
      this.#isPumpDue = false;
      this.#pump();
    });
  }

  /** Starts a request to each broker that leads something and has none under way. */
  #pump(): void {
    const leaders = new Set<NodeId>();
    let isLost = false;
    for (const queue of this.#due()) {
      const leader = this.#brokers.leader(queue.topic, queue.partition);
      if (leader === undefined) isLost = true;
      else leaders.add(leader);
    }
    if (isLost) void this.#discover();
    for (const leader of leaders) void this.#serve(leader);
  }

  /** What may be sent now. */
  #due(leader?: NodeId): readonly PartitionQueue[] {
    const nowMs = performance.now();
    const due: PartitionQueue[] = [];
    for (const queue of this.#active) {
      if (queue.isIdle) this.#active.delete(queue);
      if (queue.busy || !queue.hasWork) continue;
      if (queue.notBeforeMs > nowMs) this.#retry.set(queue.notBeforeMs);
      else if (leader === undefined || this.#brokers.leader(queue.topic, queue.partition) === leader) due.push(queue);
    }
    return due;
  }

  async #discover(): Promise<void> {
    if (this.#isDiscovering) return;
    this.#isDiscovering = true;
    let why: unknown = new WireBroken('it has no leader');
    await this.#brokers.refresh().catch((error: unknown) => {
      why = error;
    });
    this.#isDiscovering = false;
    for (const queue of this.#due()) {
      if (this.#brokers.leader(queue.topic, queue.partition) === undefined) this.#putOff(queue, why);
    }
    this.#pumpSoon();
  }

  async #serve(leader: NodeId): Promise<void> {
    if (this.#busyNodes.has(leader)) return;
    this.#busyNodes.add(leader);
    let queues = this.#due(leader);
    try {
      const wire = await this.#brokers.wire(leader, 'producing');
      // More may have come while it was being connected.
      queues = this.#due(leader);
      for (const queue of queues) queue.identity ??= await this.#brokers.producerIdentity();
      queues = this.#take(queues);
      if (queues.length > 0) {
        const calls = queues.reduce((sum, { batch }) => sum + (batch?.parts.length ?? 0), 0);
        await this.#produce(queues, (batches) => wire.produce(batches));
        if (calls >= lingerCalls && calls < crowdCalls) await sleep(lingerMs);
      }
    } catch (error) {
      for (const queue of queues) this.#lost(queue, error);
    } finally {
      for (const queue of queues) queue.busy = false;
      this.#busyNodes.delete(leader);
      this.#pumpSoon();
      this.#endIfDone();
    }
  }

  /** Those that have a batch, which is theirs to send now. Who was only asked whether it can be reached is back. */
  #take(queues: readonly PartitionQueue[]): PartitionQueue[] {
    // A process that was frozen meanwhile may have lost its sessions to others: what nobody waits for any more is not sent.
    if (this.#isOverdue()) this.#expire();
    let bytes = 0;
    const nowMs = Date.now();
    const taken: PartitionQueue[] = [];
    for (const queue of queues) {
      const batch = queue.batch ?? (queue.identity && queue.takeBatch(queue.identity, nowMs));
      if (batch === undefined) this.#isBack(queue);
      else if (bytes === 0 || bytes + batch.bytes.length <= maxRequestBytes) {
        bytes += batch.bytes.length;
        batch.attempts += 1;
        queue.busy = true;
        taken.push(queue);
        // Those that found no room come first the next time.
        this.#active.delete(queue);
        this.#active.add(queue);
      }
    }
    return taken;
  }

  async #produce(
    queues: readonly PartitionQueue[],
    send: (batches: { topic: string; partition: number; batch: Buffer }[]) => Promise<readonly ProducedBatch[]>,
  ): Promise<void> {
    const batches = queues.flatMap(({ topic, partition, batch }) =>
      batch === undefined ? [] : [{ topic, partition, batch: batch.bytes }],
    );
    const answers = new Map(
      (await send(batches)).map((answer) => [`${answer.topic}/${answer.partition}`, answer] as const),
    );
    for (const queue of queues) {
      const answer = answers.get(`${queue.topic}/${queue.partition}`);
      if (answer === undefined) this.#lost(queue, new WireBroken('the broker did not answer for it'));
      else this.#settle(queue, answer);
    }
  }

  #settle(queue: PartitionQueue, { errorCode: code, baseOffset, timeMs }: ProducedBatch): void {
    const bytes = queue.batch?.parts.reduce((sum, part) => sum + part.bytes, 0) ?? 0;
    if (code === errorCode.none && baseOffset >= 0) {
      queue.written(baseOffset, timeMs);
      this.#isBack(queue);
    } else if (isPassing(code)) {
      return this.#lost(queue, new WireBroken(describeError(code)));
    } else if (isPoisoning(code) && code !== errorCode.duplicateSequence && queue.batch?.attempts === 1) {
      this.#logger.warn(
        { topic: queue.topic, partition: queue.partition },
        `Kafka: ${describeError(code)}; beginning again`,
      );
      queue.takeBack();
      return this.#putOff(queue, new WireBroken(describeError(code)));
    } else {
      this.#logger.error(
        { topic: queue.topic, partition: queue.partition },
        `Kafka refused a batch: ${describeError(code)}`,
      );
      queue.refused(`the broker refused it: ${describeError(code)}`);
    }
    this.#queuedBytes -= bytes;
    this.#forgetSettled();
  }

  /** Its broker was unreachable or could not accept it: it is retried, with the leader at that time. */
  #lost(queue: PartitionQueue, error: unknown): void {
    this.#brokers.forget(queue.topic, queue.partition);
    this.#putOff(queue, error);
  }

  #putOff(queue: PartitionQueue, error: unknown): void {
    const { topic, partition } = queue;
    queue.lastError = error;
    this.#retry.set(queue.backOff(performance.now()));
    if (!(error instanceof WireBroken))
      this.#logger.error({ topic, partition, err: error }, 'an append to Kafka failed');
  }

  #isBack(queue: PartitionQueue): void {
    if (!queue.unavailable) return;
    queue.unavailable = false;
    this.#logger.info({ topic: queue.topic, partition: queue.partition }, 'Kafka accepts records again');
  }

  #isOverdue(): boolean {
    const [oldest] = this.#calls;
    return oldest !== undefined && oldest.deadlineMs <= performance.now();
  }

  /** Gives up the calls that have waited for as long as a caller may. */
  #expire(): void {
    const nowMs = performance.now();
    for (const call of this.#calls) {
      if (call.deadlineMs > nowMs) break;
      call.fail(`the log did not answer within ${appendTimeoutMs} ms`);
    }
    for (const queue of this.#active) {
      if (queue.unavailable || !queue.hasExpired()) continue;
      queue.unavailable = true;
      const { topic, partition, lastError } = queue;
      this.#logger.warn({ topic, partition, err: lastError }, 'Kafka accepts no records');
    }
    this.#sweep();
  }

  /** Drops what waits of calls that are over. */
  #sweep(): void {
    for (const queue of this.#active) this.#queuedBytes -= queue.dropSettled();
    this.#forgetSettled();
    this.#pumpSoon();
  }

  #forgetSettled(): void {
    for (const call of this.#calls) {
      if (!call.settled) {
        this.#expiry.set(call.deadlineMs);
        break;
      }
      this.#calls.delete(call);
    }
    this.#endIfDone();
  }

  #endIfDone(): void {
    if (this.#closing !== undefined && this.#calls.size === 0) this.#closing.resolve();
  }
}

function refused(why: string): Promise<never> {
  return Promise.reject(new LogUnavailable(why, 'not-written'));
}
