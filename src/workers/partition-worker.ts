import { aborted, pause, retriedWithLog } from '../app/back-off.ts';
import type { PartitionFollower, PartitionListener } from '../app/following/partition-follower.ts';
import type {
  ConversationDeleted,
  ConversationEvent,
  ReplyCompleted,
  ReplyFailed,
  StopRequested,
  WorkerClaimed,
} from '../domain/conversation/events.ts';
import { oldestPendingOffset, type PartitionState } from '../domain/conversation/partition-state.ts';
import { plan } from '../domain/conversation/plan.ts';
import { maxLostWorkers } from '../domain/limits.ts';
import { spendingEnd } from '../domain/spending/invariants.ts';
import type { LogUnavailable } from '../ports/event-log.ts';
import type { LiveEvent } from '../ports/live-bus.ts';
import { Answer, type AnswerContext } from './answer.ts';
import type { AttemptDeps } from './attempt.ts';
import type { WorkerDeps } from './deps.ts';
import { commitIntervalMs, logRetryInitialDelayMs, logRetryMaxDelayMs, releasesDueMs } from './limits.ts';
import { Settlements } from './settlements.ts';

/** What one partition is doing, as far as its worker has read. */
export interface PartitionUsage {
  readonly partition: number;
  readonly processing: number;
  readonly queued: number;
  /** When the oldest pending message was received; null when none is pending. */
  readonly oldestReceivedAtMs: number | null;
}

/** The worker of one partition: runs the plan of its fold, once its own claim has been read back. The fold never awaits a call. */
export class PartitionWorker implements Partial<PartitionListener> {
  readonly #deps: WorkerDeps;
  readonly #partition: number;
  readonly #attempts: AttemptDeps;
  readonly #inFlight = new Map<string, Answer>();
  readonly #fold: PartitionFollower;
  readonly #ending = new AbortController();
  #claimId = '';
  #context: AnswerContext | undefined;
  /** Once it has claimed the partition. */
  #settlements: Settlements | undefined;
  #hold: 'none' | 'held' | 'lost' = 'none';
  /** Whether former owners have had the time to say that they were not lost, or are given it. */
  #releases: 'not-awaited' | 'awaited' | 'due' = 'not-awaited';
  #draining = false;
  /** A drain has left an answer of which an attempt was begun. */
  #hasLeft = false;
  #committed: number | undefined;
  #committedAtMs = Number.NEGATIVE_INFINITY;
  /** The commit that is under way. */
  #committing: Promise<void> | undefined;
  #idle = Promise.withResolvers<void>();
  #defect: (error: unknown) => void = () => {};
  #wasShortened = false;
  /** The run has ended, or is about to. */
  #over = this.#ending.signal;

  constructor(deps: WorkerDeps, partition: number, attempts: AttemptDeps) {
    this.#deps = deps;
    this.#partition = partition;
    this.#attempts = attempts;
    this.#fold = deps.follower(partition);
  }

  /**
   * Works until the signal aborts, another worker claims the partition, or the log is found truncated; then work in progress is abandoned without
   * events. Resolves with the claim of abandoned work, if any, so that it can be released. Rejects with LogDamaged.
   */
  async run(signal: AbortSignal): Promise<string | undefined> {
    this.#over = AbortSignal.any([signal, this.#ending.signal]);
    const defect = new Promise<never>((_, reject) => {
      this.#defect = reject;
    });
    const deafen = this.#fold.listen(this);
    try {
      await Promise.race([defect, Promise.all([this.#claim(), this.#fold.run(this.#over)])]);
      if (this.#wasShortened) await this.#retried(signal, () => this.#giveUpPosition());
      else if (this.#inFlight.size > 0 || this.#hasLeft) return this.#context?.claimId;
      return undefined;
    } finally {
      deafen();
      this.#ending.abort();
      for (const answer of this.#inFlight.values()) answer.settled();
      this.#inFlight.clear();
      await this.#committing;
      if (this.#hold === 'held') await this.#commit();
    }
  }

  /** Starts nothing more; resolves when nothing is in flight. What only waits, or comes to a wait, is left at once: it may wait for long. */
  drain(): Promise<void> {
    this.#draining = true;
    for (const answer of [...this.#inFlight.values()].filter(({ onlyWaits }) => onlyWaits)) this.#leave(answer);
    this.#noteIdle();
    return this.#idle.promise;
  }

  /** Of every reply under way in the conversation: what it has so far. */
  drafts(conversationId: string): readonly LiveEvent[] {
    const answers = [...this.#inFlight.values()].filter((answer) => answer.message.conversationId === conversationId);
    return answers.flatMap((answer) => answer.draft());
  }

  usage(): PartitionUsage {
    const { pending, processing } = this.#fold.state;
    return {
      partition: this.#partition,
      processing,
      queued: pending.size - processing,
      oldestReceivedAtMs: pending.first()?.receivedAtMs ?? null,
    };
  }

  /** Applies an event that counts to work in progress. */
  counted(event: ConversationEvent, timeMs: number, before: PartitionState): void {
    if (this.#hold === 'held') this.#settle(event, before);
    switch (event.type) {
      case 'WorkerClaimed':
        return this.#claimed(event);
      case 'ReplyStarted':
        if (event.claimId === this.#claimId) this.#inFlight.get(event.messageId)?.startedBy(event.attempt);
        return;
      case 'StopRequested':
        return this.#stop(event);
      case 'ConversationDeleted':
        return this.#discardAll(event);
      case 'ReplyCompleted':
      case 'ReplyFailed':
        return this.#finished(event, timeMs);
      default:
        return;
    }
  }

  unreadable(kind: 'unknown' | 'undecodable'): void {
    this.#deps.metrics.recordSkipped(kind);
  }

  read(): void {
    if (this.#hold === 'lost') this.#ending.abort();
    if (this.#hold === 'held') this.#act();
  }

  shortened(): void {
    this.#wasShortened = true;
    this.#hold = 'lost';
    this.#ending.abort();
  }

  /** A log that has lost its end may have lost those of messages before the committed position: what is pending is found from the beginning. */
  async #giveUpPosition(): Promise<void> {
    const { journal, group } = this.#deps;
    const { conversations: topic } = journal.topics;
    await this.#committing;
    await journal.log.commit(group, topic, this.#partition, 0);
    await journal.log.commit(readGroupOf(group), topic, this.#partition, 0);
  }

  /** Appends a claim until one is read back; each try has an id of its own, because a repeated claim would be a second one. */
  async #claim(): Promise<void> {
    const { journal, ids, workerId, settings } = this.#deps;
    // A fold that begins behind the claim never meets it: the worker before may commit a position that it has read since.
    await Promise.race([this.#fold.begun, aborted(this.#over)]);
    await this.#retried(this.#over, async () => {
      if (this.#hold !== 'none') return;
      this.#claimId = ids.unique();
      await journal.appendConversation(this.#partition, '', [
        {
          type: 'WorkerClaimed',
          partition: this.#partition,
          workerId,
          claimId: this.#claimId,
          maxProcessing: settings.maxProcessingPerPartition,
        },
      ]);
    });
  }

  /** Tries again, with growing waits, while the log is unavailable and the signal has not aborted. */
  #retried(signal: AbortSignal, attempt: () => Promise<void>): Promise<void> {
    const { clock, random, logger } = this.#deps;
    const onFailure = (err: LogUnavailable) =>
      logger.warn({ partition: this.#partition, err }, 'the worker cannot read the log');
    const waits = { initialMs: logRetryInitialDelayMs, maxMs: logRetryMaxDelayMs };
    return retriedWithLog(signal, { clock, random, ...waits, position: () => this.#fold.next, onFailure }, attempt);
  }

  #claimed({ claimId, workerId }: WorkerClaimed): void {
    if (claimId === this.#claimId) {
      this.#hold = 'held';
      this.#settlements = new Settlements(this.#deps, this.#partition, this.#over);
      void this.#settlements.lookAfter(this.#fold);
      this.#context = {
        deps: this.#deps,
        attempts: this.#attempts,
        partition: this.#partition,
        claimId,
        fold: this.#fold,
        forget: (answer) => this.#forget(answer),
        waits: (answer) => {
          if (this.#draining) this.#leave(answer);
        },
      };
    } else if (this.#hold === 'held') {
      this.#hold = 'lost';
      this.#deps.logger.warn({ partition: this.#partition, workerId }, 'another worker has claimed the partition');
    }
  }

  /** The log may have been slow for those who gave the partition up in order. */
  async #awaitReleases(): Promise<void> {
    this.#releases = 'awaited';
    await pause(this.#deps.clock, this.#deps.releasesDueMs ?? releasesDueMs, this.#over);
    if (this.#over.aborted) return;
    this.#releases = 'due';
    this.#planNext();
  }

  #stop({ messageId }: StopRequested): void {
    this.#inFlight.get(messageId)?.stop();
  }

  #discardAll({ conversationId }: ConversationDeleted): void {
    for (const answer of this.#inFlight.values()) {
      if (answer.message.conversationId === conversationId) answer.discard();
    }
  }

  #settle(event: ConversationEvent, before: PartitionState): void {
    const end = spendingEnd(before, event);
    if (end !== undefined) this.#settlements?.add(end);
  }

  #finished(event: ReplyCompleted | ReplyFailed, timeMs: number): void {
    const answer = this.#inFlight.get(event.messageId);
    if (answer === undefined) return;
    answer.settled();
    this.#release(answer);
    const elapsedMs = timeMs - answer.message.receivedAtMs;
    this.#deps.metrics.finished(event.type === 'ReplyCompleted' ? event.outcome : event.reason, elapsedMs);
  }

  /** To the next worker. */
  #leave(answer: Answer): void {
    this.#hasLeft ||= answer.hasBegun;
    answer.settled();
    this.#release(answer);
  }

  #release({ message }: Answer): void {
    this.#inFlight.delete(message.messageId);
    this.#noteIdle();
  }

  #noteIdle(): void {
    if (this.#draining && this.#inFlight.size === 0) this.#idle.resolve();
  }

  #act(): void {
    this.#planNext();
    const nowMs = this.#deps.clock.monotonicMs();
    if (nowMs - this.#committedAtMs < commitIntervalMs) return;
    this.#committedAtMs = nowMs;
    this.#committing ??= this.#commit().finally(() => {
      this.#committing = undefined;
    });
  }

  #planNext(): void {
    const context = this.#context;
    if (context === undefined || this.#draining) return;
    const maxPerConversation = this.#deps.settings.maxProcessingPerConversation;
    for (const decision of plan(this.#fold.state, { maxPerConversation, maxLostWorkers }, this.#inFlight)) {
      if (decision.type === 'fail' && decision.reason === 'POISON' && this.#releases !== 'due') {
        if (this.#releases === 'not-awaited') void this.#awaitReleases();
        continue;
      }
      const { message, ...task } = decision;
      const answer = new Answer(message, task, context, this.#fold.traceOf(message.messageId));
      this.#inFlight.set(message.messageId, answer);
      answer.run().catch(this.#defect);
    }
  }

  #forget(answer: Answer): void {
    if (this.#inFlight.get(answer.message.messageId) !== answer) return;
    this.#fold.forgetRepeat(answer.message.messageId);
    this.#release(answer);
    this.#planNext();
  }

  async #commit(): Promise<void> {
    const { journal, group, logger } = this.#deps;
    const position = oldestPendingOffset(this.#fold.state) ?? this.#fold.next;
    if (position === this.#committed) return;
    const { conversations: topic } = journal.topics;
    try {
      // First, so that a log without the end of a message before the position is known to be shorter.
      // Its own claim stands behind all that the worker before it had read.
      await journal.log.commit(readGroupOf(group), topic, this.#partition, this.#fold.next);
      await journal.log.commit(group, topic, this.#partition, position);
      this.#committed = position;
    } catch (error) {
      // The next one, or the next start, makes up for it.
      logger.warn({ partition: this.#partition, err: error }, 'the offset was not committed');
    }
  }
}

/** The group whose positions say how far workers had read when they committed theirs. */
export function readGroupOf(group: string): string {
  return `${group}.read`;
}
