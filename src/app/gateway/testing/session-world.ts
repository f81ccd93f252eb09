import { runProjector } from '../../../../projections/engine/runner.ts';
import { historyModel } from '../../../../projections/history/document.ts';
import { history } from '../../../../projections/history/query.ts';
import { projections } from '../../../../projections/models.ts';
import { inProcessBus } from '../../../adapters/memory/live-bus/in-process-bus.ts';
import { nodeCryptoIds } from '../../../adapters/node/node-crypto-ids.ts';
import { systemClock } from '../../../adapters/node/system-clock.ts';
import { initialAdmission } from '../../../domain/admission/state.ts';
import type { ConversationEvent } from '../../../domain/conversation/events.ts';
import type { HistoryProgress } from '../../../ports/history.ts';
import type { LivePiece } from '../../../ports/live-bus.ts';
import { ReadModelUnavailable } from '../../../ports/read-model.ts';
import { MemoryReadModelServer } from '../../../testing/memory/read-model/memory-read-models.ts';
import { RecordedTracer } from '../../../testing/recorded-tracer.ts';
import { anybody } from '../../caller.ts';
import type { Following, FollowingDeps } from '../../following/following.ts';
import { Refolds } from '../../following/refold.ts';
import { FollowedLog, settled } from '../../following/testing/followed-log.ts';
import type { AdmissionListener } from '../admission.ts';
import { Delivery, type DeliveryDeps } from '../delivery.ts';
import { Session, type SessionDeps } from '../session.ts';
import { SessionConversations } from '../session-conversations.ts';
import type { SessionEvent, SessionOutput } from '../session-event.ts';
import { unlimited as unlimitedSpending } from './unlimited.ts';

/** As conversation-events.ts names replies. */
const ids = { ...nodeCryptoIds, replyMessageId: (messageId: string) => `reply to ${messageId}` };

const unlimited = { take() {} };

/** Admission with a slot for every session. */
const givesEverySlot = {
  state: initialAdmission,
  request: async (_request: unknown, listener: AdmissionListener) => listener.opened(),
  release() {},
  touch() {},
};

/** What one client of the session is sent; `holds`: it reads nothing until it is set free. */
export class SentEvents implements SessionOutput {
  readonly events: SessionEvent[] = [];
  /** Awaited before more may be sent. */
  held: Promise<void> = Promise.resolve();

  emit(event: SessionEvent): void {
    this.events.push(event);
  }

  writable(): Promise<void> {
    return this.held;
  }

  end(): void {}

  /** Each event as one line. */
  get lines(): readonly string[] {
    return this.events.map(lineOf);
  }

  /** What a client draws from the pieces of the last attempt. */
  get drawn(): string {
    return this.events.map((event) => (event.type === 'delta' ? event.text : '')).join('');
  }
}

/** What sessions are told of, all in memory: a log that is followed, a bus, and history, which is behind until the test projects it. */
export class SessionWorld implements AsyncDisposable {
  readonly followed: FollowedLog;
  readonly tracer = new RecordedTracer();
  readonly bus = inProcessBus();
  readonly ids = ids;
  readonly conversations: SessionConversations;
  readonly following: Following;
  /** The store of history cannot be read. */
  isHistoryAway = false;
  /** Reads that were counted. */
  historyReads = 0;
  /** Milliseconds from a message to its end, for each that was measured. */
  readonly replied: number[] = [];
  readonly refused: string[] = [];
  /** Writes that were counted as refused, by their kind. */
  readonly writesRefused: string[] = [];
  /** How often a session has noted that its client spoke. */
  spoken = 0;
  /** How often a message may have got its end. */
  changes = 0;
  readonly #models = new MemoryReadModelServer();
  #stored = history(this.#models.handle('write'));
  readonly #checkpoints = new Map<number, number>();
  #isReplaced = false;

  constructor(over: Partial<FollowingDeps> = {}, before: FollowedLog = new FollowedLog()) {
    this.followed = before;
    this.following = before.follow({ ids, ...over });
    this.conversations = new SessionConversations({
      journal: before.journal,
      following: this.following,
      history: this.#history(),
      progress: this.#progress,
      refolds: new Refolds(before),
      metrics: this.metrics,
      writes: unlimited,
    });
  }

  get metrics() {
    return {
      refused() {},
      accepted() {},
      sessionEnded() {},
      writeRefused: (kind: string) => void this.writesRefused.push(kind),
      replied: (elapsedMs: number) => void this.replied.push(elapsedMs),
      historyRead: () => {
        this.historyReads += 1;
      },
    };
  }

  /** A session's delivery, in a conversation. */
  delivery(conversationId: string, output: SessionOutput, over: Partial<DeliveryDeps> = {}): Delivery {
    const { following, conversations, bus, metrics, tracer, followed } = this;
    const { clock, logger } = followed;
    return new Delivery(
      {
        ...{ following, conversations, bus, metrics, tracer, clock, logger, ids, output },
        clientId: 'client',
        onChange: () => {
          this.changes += 1;
        },
        onFault: ({ reason }) => void this.refused.push(reason),
        ...over,
      },
      conversationId,
    );
  }

  /** A client's session in a conversation of its own, welcomed, which shows what happens from now on. */
  async session(conversationId: string, output: SessionOutput, over: Partial<SessionDeps> = {}): Promise<Session> {
    const { following, conversations, bus, metrics, followed } = this;
    const { clock, logger, journal } = followed;
    const spoke = () => {
      this.spoken += 1;
    };
    const admission = { ...givesEverySlot, spoke };
    const deps = {
      ...{ following, conversations, bus, metrics, clock, logger, journal, ids, admission },
      links: { present: () => Promise.reject(new Error('no links in this world')) },
      writes: { ...unlimited, messageWaitMs: () => 0, takeMessage() {} },
      spending: unlimitedSpending,
      mayServe: () => true,
      onIdChanged() {},
      ...over,
    };
    const hello = {
      clientId: 'client',
      timeZone: 'UTC',
      conversationId,
      resumeToken: '',
      waitMs: 0,
      inlineMedia: false,
      takeOver: false,
    };
    const afterSequence = Number.MAX_SAFE_INTEGER;
    const session = new Session(deps as unknown as SessionDeps, { ...hello, afterSequence }, anybody, output);
    await session.apply();
    await settled();
    return session;
  }

  /** Appends events; answers with the offset of the last, once it is part of the fold. */
  async append(...events: readonly ConversationEvent[]): Promise<number> {
    const offset = await this.followed.append(...events);
    await settled();
    await this.following.caughtUp();
    return offset;
  }

  /** A worker publishes a piece of the reply to a message. */
  publish(messageId: string, offsetBytes: number, text: string, attempt = 1): void {
    this.bus.publish(messageId.split('/')[0] ?? '', this.piece(messageId, offsetBytes, text, attempt));
  }

  piece(messageId: string, offsetBytes: number, text: string, attempt = 1): LivePiece {
    const replyMessageId = ids.replyMessageId(messageId);
    return { type: 'piece', messageId, replyMessageId, attempt, offsetBytes, text };
  }

  /** History comes to hold everything that the log holds now. */
  async project(): Promise<void> {
    const { journal, partitions } = this.followed;
    const over = new AbortController();
    const ends = new Map<number, number>();
    for (let partition = 0; partition < partitions; partition += 1)
      ends.set(partition, await journal.log.endOffset('test.conversations', partition));
    await runProjector({
      journal,
      store: this.#models.handle('write'),
      projections,
      clock: systemClock,
      signal: over.signal,
      onProgress: (model, _topic, partition, nextOffset) => {
        if (model !== historyModel) return;
        this.#checkpoints.set(partition, nextOffset);
        if ([...ends].every(([one, end]) => this.#progress.checkpoint(one) >= end)) over.abort();
      },
    });
  }

  /** An empty store takes the place of the one whose progress is known; that is found out when somebody looks. */
  replaceHistory(): void {
    this.#models.clear();
    this.#stored = history(this.#models.handle('write'));
    this.#isReplaced = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.followed[Symbol.asyncDispose]();
    await this.bus[Symbol.asyncDispose]();
  }

  /** Nobody waits: what history does not hold now it will not hold in time. */
  readonly #progress: HistoryProgress = {
    checkpoint: (partition) => this.#checkpoints.get(partition) ?? 0,
    reached: async (partition, offset) => this.#progress.checkpoint(partition) >= offset,
    whole: async (upTo, _timeoutMs, ask) => {
      const isReached = () => [...upTo].every(([partition, offset]) => this.#progress.checkpoint(partition) >= offset);
      if (!isReached()) return null;
      const answer = await ask();
      if (this.#isReplaced) this.#checkpoints.clear();
      return isReached() ? { answer } : null;
    },
  };

  #history() {
    const check = () => {
      if (this.isHistoryAway) throw new ReadModelUnavailable('away');
    };
    return {
      getConversation: async (conversationId: string) => {
        check();
        return this.#stored.getConversation(conversationId);
      },
      getMessage: async (messageId: string) => {
        check();
        return this.#stored.getMessage(messageId);
      },
      usageOf: async (clientId: string) => {
        check();
        return this.#stored.usageOf(clientId);
      },
      replay: (conversationId: string, after: number, batchSize: number) => {
        check();
        return this.#stored.replay(conversationId, after, batchSize);
      },
    };
  }
}

function lineOf(event: SessionEvent): string {
  switch (event.type) {
    case 'accepted':
      return `accepted ${event.messageId} ${event.sequence}${event.duplicate ? ' again' : ''}`;
    case 'message':
      return `${event.message.role} ${event.message.messageId} ${event.message.sequence}`;
    case 'started':
      return `started ${event.messageId} #${event.attempt}${event.continuedBytes > 0 ? ` from ${event.continuedBytes}` : ''}`;
    case 'delta':
      return `delta #${event.attempt} ${event.offsetBytes} ${event.text}`;
    case 'delayed':
      return `delayed #${event.attempt} ${event.retryInMs}`;
    case 'renamed':
      return `renamed ${event.sequence} ${event.title}`;
    case 'deleted':
      return `deleted ${event.sequence}`;
    case 'rejected':
      return `rejected ${event.messageId} ${event.reason}`;
    default:
      return event.type;
  }
}
