import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type FolderMediaStore, openFolderMediaStore } from '../adapters/filesystem/folder-media-store.ts';
import { inProcessBus } from '../adapters/memory/live-bus/in-process-bus.ts';
import { nodeCryptoIds } from '../adapters/node/node-crypto-ids.ts';
import { systemClock } from '../adapters/node/system-clock.ts';
import { openSqliteLog, type WritableSqliteLog } from '../adapters/sqlite/event-log/sqlite-log.ts';
import { knownWindowIds } from '../app/following/limits.ts';
import { PartitionFollower } from '../app/following/partition-follower.ts';
import { Journal, type JournalEntry, partitionsOf } from '../app/journal.ts';
import { SpendingBook } from '../app/spending/spending-book.ts';
import { tracedLog } from '../app/traced-log.ts';
import type { ConversationEvent, MessageReceived, ReplyCompleted, ReplyFailed } from '../domain/conversation/events.ts';
import { evolve, initialPartition, pendingMessage } from '../domain/conversation/partition-state.ts';
import type { CallPrices } from '../domain/spending/events.ts';
import type { Clock } from '../ports/clock.ts';
import type { LiveDelay, LivePiece } from '../ports/live-bus.ts';
import type { PartitionGroups } from '../ports/partition-groups.ts';
import type { Tracer } from '../ports/tracing.ts';
import type { Lookups, WorkerDeps, WorkerSettings } from '../workers/deps.ts';
import { readGroupOf } from '../workers/partition-worker.ts';
import { type RunningWorker, startWorker } from '../workers/worker.ts';
import { messageReceived } from './conversation-events.ts';
import { eventCodec } from './event-codec.ts';
import { FaultyLog } from './faulty-log.ts';
import { FaultyMedia } from './faulty-media.ts';
import { ScriptedProvider } from './scripted-provider.ts';
import { eventually } from './test-sessions.ts';

/** Runs so many times faster than the machine's, and remembers how long was slept. */
export class HastyClock implements Clock {
  readonly slept: number[] = [];
  readonly #haste: number;

  constructor(haste: number) {
    this.#haste = haste;
  }

  nowMs(): number {
    return systemClock.nowMs();
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() * this.#haste;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.slept.push(ms);
    return systemClock.sleep(ms / this.#haste, signal);
  }
}

export type CountingMetrics = WorkerDeps['metrics'] & { readonly counts: Readonly<Record<string, number>> };

function countingMetrics(): CountingMetrics {
  const counts: Record<string, number> = {};
  const count = (name: string) => {
    counts[name] = (counts[name] ?? 0) + 1;
  };
  return { counts, recordSkipped: count, called: () => {}, used: () => {}, attemptFailed: count, finished: count };
}

/** Waits until the worker has counted exactly this: it counts an end when it reads it back, a moment after it is in the log. */
export async function counted({ counts }: CountingMetrics, expected: Readonly<Record<string, number>>): Promise<void> {
  await eventually(
    async () => ({ ...counts }),
    (now) => isDeepStrictEqual(now, expected),
  );
}

/** The end of a message that counts, and where it stands. */
export type CountedEnd = (ReplyCompleted | ReplyFailed) & {
  readonly clientMessageId: string;
  readonly sequence: number;
  readonly timeMs: number;
};

/** One worker, and what it is given. */
export interface WorkerUnderTest extends RunningWorker {
  readonly provider: ScriptedProvider;
  readonly log: FaultyLog;
  readonly clock: HastyClock;
  readonly metrics: CountingMetrics;
  readonly warnings: readonly string[];
  /** The fields of each of these. */
  readonly warned: readonly object[];
  /** What its group tells it; at first that the one partition is its own. */
  assign(partitions: readonly number[]): void;
}

export interface WorkerOptions {
  readonly settings?: Partial<WorkerSettings>;
  readonly lookups?: Partial<Lookups>;
  /** Says how each call goes. */
  readonly provider?: ScriptedProvider;
  /** What its model costs; default: it has no price. */
  readonly prices?: CallPrices;
  /** Budgets, and prices with them; default: nothing is reserved for any message. */
  readonly spending?: WorkerDeps['spending'];
  readonly fault?: FaultyLog['appendFault'];
  readonly tracer?: Tracer;
  /** Default: none, so that each fold begins where the one before committed. */
  readonly lookBackRecords?: number;
  /** As WorkerDeps has it. */
  readonly windowIds?: number;
  /** One that runs already, as the sessions of its process have it. Default: one of its own for each run. */
  readonly follower?: PartitionFollower;
  readonly releasesDueMs?: number;
  /** How many times faster than usual its time runs. */
  readonly haste?: number;
}

function unbudgeted(prices: CallPrices | undefined): WorkerDeps['spending'] {
  const nothing = { tokens: 0, cost: 0 };
  return {
    pricesOf: () => prices,
    spendOf: () => nothing,
    covers: () => false,
    renew: async () => false,
    reservationOf: () => undefined,
    reservationsIn: () => [],
    settle: async () => {},
  };
}

const group = 'test.workers';
const begin = { group, readGroup: readGroupOf(group) };

const settings: WorkerSettings = {
  maxProcessingPerPartition: 50,
  maxProcessingPerConversation: 1,
  firstPieceTimeoutMs: 60_000,
  pieceTimeoutMs: 60_000,
  mediaTimeoutMs: 60_000,
  totalTimeoutMs: 600_000,
  unnamedMediaLifetimeMs: 86_400_000,
  maxAttempts: 3,
  retryMs: 600_000,
};

/** A real log, a live bus and a media store, and any number of workers on them. */
export class WorkerWorld implements AsyncDisposable {
  readonly journal: Journal;
  /** What whoever watches was sent of replies. */
  readonly live: LivePiece[] = [];
  /** And of what holds them up. */
  readonly delays: LiveDelay[] = [];
  readonly bus = inProcessBus();
  readonly media: FaultyMedia;
  readonly #log: WritableSqliteLog;
  readonly #store: FolderMediaStore;
  readonly #folder: string;
  readonly #workers: WorkerUnderTest[] = [];
  readonly #begun = new Set<string>();
  readonly #following: Promise<void>[] = [];
  readonly #over = new AbortController();

  private constructor(log: WritableSqliteLog, store: FolderMediaStore, folder: string) {
    this.#log = log;
    this.#store = store;
    this.#folder = folder;
    this.media = new FaultyMedia(store);
    this.journal = new Journal(log, eventCodec, 'test');
  }

  static async open(): Promise<WorkerWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'parley-worker-'));
    const topics = partitionsOf('test', 1);
    const store = await openFolderMediaStore({
      folder: join(folder, 'media'),
      prefix: 'test',
      publicUrl: () => '',
      clock: systemClock,
      maxObjectBytes: 1_048_576,
      onError: () => {},
    });
    return new WorkerWorld(await openSqliteLog({ mode: 'write', dataDir: folder, topics }), store, folder);
  }

  worker(options: WorkerOptions = {}): WorkerUnderTest {
    const provider = options.provider ?? new ScriptedProvider();
    const log = new FaultyLog(this.#log);
    log.appendFault = options.fault ?? (() => 'none');
    const clock = new HastyClock(options.haste ?? 20);
    const metrics = countingMetrics();
    const warnings: string[] = [];
    const warned: object[] = [];
    const warn = (fields: object, message: string) => {
      warnings.push(message);
      warned.push(fields);
    };
    let assign: WorkerUnderTest['assign'] = () => {};
    // Two that believe to have the partition are told apart by their claims alone.
    const groups: PartitionGroups = {
      async join(_group, _topic, onAssigned) {
        assign = onAssigned;
        onAssigned([0]);
        return { [Symbol.asyncDispose]: async () => {} };
      },
    };
    const journal = new Journal(tracedLog(log, options.tracer), eventCodec, 'test');
    const logger = { debug: warn, info: warn, warn, error: warn };
    const { lookBackRecords = 0, windowIds = knownWindowIds } = options;
    const following = { journal, clock, logger, random: () => 0, ...begin, lookBackRecords, windowIds };
    const running = startWorker({
      journal,
      tracer: options.tracer,
      provider,
      spending: options.spending ?? unbudgeted(options.prices),
      media: this.media,
      bus: this.bus,
      clock,
      ids: nodeCryptoIds,
      lookups: { past: this.#past, loadHistory: async () => [], ...options.lookups },
      logger,
      metrics,
      random: () => 0,
      workerId: 'worker',
      groups,
      group,
      follower: (partition) => options.follower ?? new PartitionFollower(following, partition),
      ...(options.releasesDueMs !== undefined && { releasesDueMs: options.releasesDueMs }),
      settings: { ...settings, ...options.settings },
    });
    const worker: WorkerUnderTest = {
      ended: running.ended,
      usage: () => running.usage(),
      drain: (timeoutMs) => running.drain(timeoutMs),
      assign: (partitions) => assign(partitions),
      provider,
      log,
      clock,
      metrics,
      warnings,
      warned,
    };
    this.#workers.push(worker);
    return worker;
  }

  /** Prices and budgets of this world's log, and what is reserved by them for messages to this model. To be disposed by whoever opens it. */
  async book(provider: ScriptedProvider): Promise<SpendingBook> {
    const quiet = () => {};
    const book = new SpendingBook({
      journal: this.journal,
      clock: systemClock,
      ids: nodeCryptoIds,
      provider,
      logger: { debug: quiet, info: quiet, warn: quiet, error: quiet },
      onFault: (error) => {
        throw error;
      },
    });
    await book.start();
    return book;
  }

  /** Follows the partition until the world ends, as a process does whose sessions need it. */
  follower(lookBackRecords = 0): PartitionFollower & { readonly log: FaultyLog } {
    const log = new FaultyLog(this.#log);
    const journal = new Journal(log, eventCodec, 'test');
    const quiet = () => {};
    const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };
    const windowIds = knownWindowIds;
    const clock = systemClock;
    const deps = { journal, clock, logger, random: () => 0, ...begin, lookBackRecords, windowIds };
    const follower = new PartitionFollower(deps, 0);
    this.#following.push(follower.run(this.#over.signal));
    return Object.assign(follower, { log });
  }

  /** A client says something. The message id is `<conversation>/<name>`; conversations begin with their first message. */
  async say(
    messageId: string,
    clientId = 'client',
    parts?: MessageReceived['parts'],
    facts: Partial<MessageReceived> = {},
  ): Promise<void> {
    const message = messageReceived(messageId, { clientId, ...(parts && { parts }), ...facts });
    const { conversationId } = message;
    const begin: ConversationEvent = { type: 'ConversationStarted', conversationId, clientId };
    if (!this.#begun.has(conversationId))
      this.bus.subscribe(conversationId, (event) => {
        if (event.type === 'piece') this.live.push(event);
        else this.delays.push(event);
      });
    await this.append(...(this.#begun.has(conversationId) ? [] : [begin]), message);
    this.#begun.add(conversationId);
  }

  async append(...events: readonly ConversationEvent[]): Promise<void> {
    for (const event of events) {
      const key = 'conversationId' in event ? event.conversationId : '';
      await this.journal.appendConversation(0, key, [event]);
    }
  }

  async entries(): Promise<readonly JournalEntry<ConversationEvent>[]> {
    return this.journal.read<ConversationEvent>(this.journal.topics.conversations, 0, 0, 100_000);
  }

  async events(): Promise<readonly ConversationEvent[]> {
    return (await this.entries()).flatMap(({ decoded }) => (decoded.kind === 'event' ? [decoded.event] : []));
  }

  /** The log in words: `started c/1 #1`, `completed c/1 #1`, `PROVIDER_FAILED c/1 #3`. */
  async story(): Promise<readonly string[]> {
    return (await this.events()).flatMap(inWords);
  }

  /** Waits until the log tells this of the message; gives the log in words. */
  async logged(...expected: readonly string[]): Promise<readonly string[]> {
    return eventually(
      () => this.story(),
      (story) => expected.every((line) => story.includes(line)),
    );
  }

  /** The ends that count, in order: what a stalled worker still appends is none. */
  async ends(): Promise<readonly CountedEnd[]> {
    const ends: CountedEnd[] = [];
    let state = initialPartition;
    for (const { offset, timeMs, decoded } of await this.entries()) {
      if (decoded.kind !== 'event') continue;
      const { event } = decoded;
      const before = state;
      state = evolve(before, event, { offset, timeMs });
      if ((event.type !== 'ReplyCompleted' && event.type !== 'ReplyFailed') || state === before) continue;
      const { clientMessageId = '' } = pendingMessage(before, event.messageId) ?? {};
      ends.push({ ...event, clientMessageId, sequence: offset, timeMs });
    }
    return ends;
  }

  /** Waits until the message has an end of this kind that counts, and gives it. */
  async ended(kind: 'completed' | 'failed', messageId: string): Promise<CountedEnd> {
    const type = kind === 'completed' ? 'ReplyCompleted' : 'ReplyFailed';
    return (await eventually(
      async () => (await this.ends()).find((end) => end.type === type && end.messageId === messageId),
      (end) => end !== undefined,
    )) as CountedEnd;
  }

  /** Waits until whoever watches was sent a piece of the message's reply. */
  async heard(messageId: string): Promise<void> {
    await eventually(
      async () => this.live,
      (live) => live.some((piece) => piece.messageId === messageId),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const worker of this.#workers) {
      worker.log.stalled = undefined;
      await worker.drain(0);
    }
    this.#over.abort();
    await Promise.all(this.#following);
    await this.media.idle();
    await this.bus[Symbol.asyncDispose]();
    await this.#log[Symbol.asyncDispose]();
    await this.#store[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true });
  }

  #past: Lookups['past'] = async (_partition, { messageId }, offset) => {
    const first = (await this.entries()).find(
      ({ decoded }) =>
        decoded.kind === 'event' && decoded.event.type === 'MessageReceived' && decoded.event.messageId === messageId,
    );
    return first !== undefined && first.offset < offset ? 'repeat' : 'none';
  };
}

function inWords(event: ConversationEvent): readonly string[] {
  switch (event.type) {
    case 'MessageReceived':
      return [`received ${event.messageId}`];
    case 'ReplyStarted':
      return [`started ${event.messageId} #${event.attempt}`];
    case 'ReplyCompleted':
      return [`${event.outcome} ${event.messageId} #${event.attempt}`];
    case 'ReplyFailed':
      return [`${event.reason} ${event.messageId} #${event.attempt}`];
    default:
      return [];
  }
}
