import type { Kafka } from 'kafkajs';
import type { Clock } from '../../../ports/clock.ts';
import type { GroupMember } from '../../../ports/partition-groups.ts';
import type { Logger } from '../../../ports/telemetry.ts';
import { type Coordinator, CoordinatorLink, type JoinedGroup } from './coordinator-link.ts';
import { decodeClaim, decodeShare, encodeClaim, encodeSharing, protocolName } from './group-messages.ts';
import { Lease } from './lease.ts';
import { share } from './share.ts';

/** After a failure; doubled each time up to the longest, within which a broker's return is noticed. */
const firstPauseMs = 100;
const maxPauseMs = 250;
/** About one warning in ten seconds. */
const failuresPerWarning = 10;
/** Longer than kafkajs takes for a connection with its retries: then a new one may do better. */
const lookUpLimitMs = 10_000;
/** Timeout of a response that depends on no other member: it takes milliseconds. Beyond it another path is tried before the lease ends. */
const answerLimitMs = 2_000;
/** Sharing takes two rounds. More in a row mean that members join and leave, or disagree; then rebalances are slowed down. */
const maxQuickRounds = 5;
/** For each step of leaving: the others notice by themselves too, only later. */
const leaveLimitMs = 2_000;

export interface KafkaMemberOptions {
  readonly kafka: Kafka;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly sessionTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly group: string;
  readonly topic: string;
  readonly onAssigned: (partitions: readonly number[]) => void;
}

/**
 * A member of a group, by Kafka's protocol for consumers: it joins, is given a share (divided by the member that Kafka calls the leader), and
 * beats. What it has it keeps, and claims, while it joins again: see `share`.
 */
export class KafkaMember implements GroupMember {
  readonly #options: KafkaMemberOptions;
  readonly #link: CoordinatorLink;
  readonly #lease: Lease;
  readonly #leaving = new AbortController();
  readonly #staying: Promise<void>;
  #left: Promise<void> | undefined;
  /** '': Kafka has not given one yet. */
  #memberId = '';
  /** Its former member ids that Kafka no longer knew. See `#disown`. */
  readonly #formerIds = new Set<string>();
  #generation = -1;
  #mustJoin = true;
  #quickRounds = 0;
  /** A request to join that has not been answered. */
  #joining: Promise<JoinedGroup> | undefined;
  /** What the handler was told last, and in which generation; undefined: nothing yet. */
  #told: readonly number[] | undefined;
  #toldGeneration = -1;
  #failures = 0;

  constructor(options: KafkaMemberOptions) {
    const { kafka, group, topic, logger, clock, sessionTimeoutMs, heartbeatMs } = options;
    this.#options = options;
    this.#link = new CoordinatorLink(kafka, group, topic, logger);
    // A beat less than the group waits, so that work here is stopped before others begin it.
    this.#lease = new Lease(clock, sessionTimeoutMs - heartbeatMs, () => this.#giveUp());
    this.#staying = this.#stay(this.#leaving.signal);
  }

  async #stay(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const coordinator = await within(lookUpLimitMs, this.#link.coordinator(), signal);
        if (this.#mustJoin || !this.#lease.holds()) await this.#join(coordinator, signal);
        else await this.#beat(coordinator, signal);
        this.#reached();
      } catch (error) {
        if (signal.aborted) return;
        if (this.#isWord(error)) continue;
        this.#failed(error);
        await this.#pause(Math.min(firstPauseMs * 2 ** (this.#failures - 1), maxPauseMs), signal);
      }
    }
  }

  /** Joins, claiming what it has, and is given its share. */
  async #join(coordinator: Coordinator, signal: AbortSignal): Promise<void> {
    const { group: groupId, topic, sessionTimeoutMs, heartbeatMs, clock } = this.#options;
    if (this.#quickRounds >= maxQuickRounds) await this.#pause(heartbeatMs, signal);
    this.#quickRounds += 1;
    // Everybody hears of a new round by a beat. The group waits for them a little longer than their leases run without.
    const rebalanceTimeout = sessionTimeoutMs + 2 * heartbeatMs;
    const claim = encodeClaim(topic, this.#toldGeneration, this.#told ?? []);
    await this.#disown(coordinator, signal);
    const joined = await this.#joined(
      coordinator.joinGroup({
        groupId,
        sessionTimeout: sessionTimeoutMs,
        rebalanceTimeout,
        memberId: this.#memberId,
        groupProtocols: [{ name: protocolName, metadata: claim }],
      }),
      rebalanceTimeout + answerLimitMs,
      signal,
    );
    const groupAssignment = joined.leaderId === joined.memberId ? await this.#divide(joined, signal) : [];
    const sentMs = clock.monotonicMs();
    const synced = await within(
      rebalanceTimeout + answerLimitMs,
      coordinator.syncGroup({
        groupId,
        generationId: joined.generationId,
        memberId: joined.memberId,
        groupAssignment,
      }),
      signal,
    );
    this.#formerIds.clear();
    const { partitions, settled } = decodeShare(topic, synced.memberAssignment);
    // An answer that lay there while the process was stopped is worth nothing any more.
    if (!this.#lease.begin(sentMs)) return;
    this.#mustJoin = !settled;
    this.#tell(partitions, joined.generationId);
  }

  /**
   * Removes its former ids from the group. A coordinator that reloads the group, after a freeze or a restart of its broker, has it as last stored: with
   * a member that has been expelled since, and would delay everybody until it rejoined or its session (6 s) ended.
   */
  async #disown(coordinator: Coordinator, signal: AbortSignal): Promise<void> {
    const { group: groupId } = this.#options;
    for (const memberId of this.#formerIds) {
      try {
        await within(answerLimitMs, coordinator.leaveGroup({ groupId, memberId }), signal);
      } catch (error) {
        // The coordinator has no such member. It is asked again before each try to join: the next may be another, or have loaded the group again.
        if (typeOf(error) !== 'UNKNOWN_MEMBER_ID') throw error;
      }
    }
  }

  async #joined(joining: Promise<JoinedGroup>, limitMs: number, signal: AbortSignal): Promise<JoinedGroup> {
    this.#mustJoin = true;
    this.#joining = joining;
    const forget = () => {
      if (this.#joining === joining) this.#joining = undefined;
    };
    joining.then(forget, forget);
    const waiting = new AbortController();
    void this.#beatMeanwhile(AbortSignal.any([signal, waiting.signal]));
    const joined = await within(limitMs, joining, signal).finally(() => waiting.abort());
    this.#memberId = joined.memberId;
    this.#generation = joined.generationId;
    return joined;
  }

  async #divide({ members }: JoinedGroup, signal: AbortSignal) {
    const claims = members.map(({ memberId, memberMetadata }) => decodeClaim(memberId, memberMetadata));
    const partitionCount = await within(answerLimitMs, this.#link.partitionCount(), signal);
    return encodeSharing(this.#options.topic, share(claims, partitionCount));
  }

  async #beat(coordinator: Coordinator, signal: AbortSignal): Promise<void> {
    const { clock, heartbeatMs } = this.#options;
    this.#quickRounds = 0;
    // After a failure the lease may be about to end.
    if (this.#failures === 0) await clock.sleep(heartbeatMs, signal);
    // After a stop of the process this comes before the lease's own timer.
    if (!this.#lease.holds()) return;
    await this.#sendBeat(coordinator, signal);
  }

  async #sendBeat(coordinator: Coordinator, signal: AbortSignal): Promise<void> {
    const { group: groupId, clock } = this.#options;
    const sentMs = clock.monotonicMs();
    const request = { groupId, groupGenerationId: this.#generation, memberId: this.#memberId };
    try {
      await within(answerLimitMs, coordinator.heartbeat(request), signal);
      this.#lease.prolong(sentMs);
    } catch (error) {
      // Kafka counts such a beat too, and gives nothing away before everybody has joined or let the time for it pass.
      if (typeOf(error) === 'REBALANCE_IN_PROGRESS') this.#lease.prolong(sentMs);
      throw error;
    }
  }

  /**
   * Keeps the lease while a request to join waits for others: where somebody died and was started again at once, that is until the session of the
   * dead one ends, and those who live should not have to stop their work for it. By another connection, since Kafka answers those of one in turn.
   */
  async #beatMeanwhile(signal: AbortSignal): Promise<void> {
    const { kafka, group, topic, logger, clock, heartbeatMs } = this.#options;
    const link = new CoordinatorLink(kafka, group, topic, logger);
    try {
      while (this.#lease.holds()) {
        await clock.sleep(heartbeatMs, signal);
        const coordinator = await within(answerLimitMs, link.coordinator(), signal);
        try {
          await this.#sendBeat(coordinator, signal);
        } catch (error) {
          if (typeOf(error) !== 'REBALANCE_IN_PROGRESS') throw error;
        }
      }
    } catch (error) {
      // The request to join will tell; without these beats, the lease ends.
      if (!signal.aborted) logger.debug({ group, err: error }, 'no heartbeat while joining the group');
    } finally {
      void link.reset();
    }
  }

  /** Whether the group has spoken, rather than something failed: then it is to be joined again, at once. */
  #isWord(error: unknown): boolean {
    switch (typeOf(error)) {
      case 'UNKNOWN_MEMBER_ID':
        // Others may have been given everything.
        if (this.#memberId !== '') this.#formerIds.add(this.#memberId);
        this.#memberId = '';
        this.#lease.end();
        break;
      case 'REBALANCE_IN_PROGRESS':
      case 'ILLEGAL_GENERATION':
        break;
      default:
        return false;
    }
    this.#mustJoin = true;
    return true;
  }

  /** Tried again by another way, for ever. As long as the lease holds, nothing is lost. */
  #failed(error: unknown): void {
    const { logger, group } = this.#options;
    if (this.#failures % failuresPerWarning === 0) logger.warn({ group, err: error }, 'the group cannot be reached');
    this.#failures += 1;
    void this.#link.reset();
  }

  #reached(): void {
    const { logger, group } = this.#options;
    if (this.#failures > 0) logger.info({ group, failures: this.#failures }, 'the group is reached again');
    this.#failures = 0;
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.clock.sleep(ms, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #giveUp(): void {
    this.#mustJoin = true;
    this.#tell([], this.#generation);
  }

  #tell(partitions: readonly number[], generation: number): void {
    const sorted = partitions.toSorted((a, b) => a - b);
    this.#toldGeneration = generation;
    if (this.#told?.join() === sorted.join()) return;
    this.#told = sorted;
    const { logger, group, onAssigned } = this.#options;
    logger.info({ group, generation, partitions: sorted }, 'partitions assigned by the group');
    onAssigned(sorted);
  }

  /** Leaves, so that the others need not wait for the session's end. What fails of it is logged: they notice then. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#left ??= this.#leave();
    return this.#left;
  }

  async #leave(): Promise<void> {
    const { group: groupId, logger } = this.#options;
    this.#lease[Symbol.dispose]();
    this.#leaving.abort();
    await this.#staying;
    try {
      const memberId = await this.#ownId();
      if (memberId === '') return;
      // Behind a request to join that waits for others, Kafka would not read this one.
      if (this.#joining !== undefined) void this.#link.reset();
      const coordinator = await within(leaveLimitMs, this.#link.coordinator());
      await within(leaveLimitMs, coordinator.leaveGroup({ groupId, memberId }));
    } catch (error) {
      logger.warn(
        { group: groupId, err: error },
        'could not leave the group: the other members notice by the session time-out',
      );
    } finally {
      void this.#link.reset();
    }
  }

  /** Kafka tells a new member its id when it has joined. */
  async #ownId(): Promise<string> {
    if (this.#memberId !== '' || this.#joining === undefined) return this.#memberId;
    const { memberId } = await within(leaveLimitMs, this.#joining);
    return memberId;
  }
}

/** Kafka's name of an error that it answered with. */
function typeOf(error: unknown): unknown {
  return error instanceof Error && 'type' in error ? error.type : undefined;
}

/** It took longer than it may; what came of it is not known. */
class TookTooLong extends Error {
  override readonly name = 'TookTooLong';
}

/** The work's outcome, unless it takes longer than `limitMs` (TookTooLong) or the signal aborts first (its reason). The work itself continues. */
async function within<T>(limitMs: number, work: Promise<T>, signal?: AbortSignal): Promise<T> {
  const stop = Promise.withResolvers<never>();
  const abort = () => stop.reject(signal?.reason);
  const timer = setTimeout(() => stop.reject(new TookTooLong(`no answer within ${limitMs} ms`)), limitMs);
  signal?.addEventListener('abort', abort);
  if (signal?.aborted) abort();
  try {
    return await Promise.race([work, stop.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}
