import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Projection } from '../../../../projections/engine/projection.ts';
import { rebuildModel } from '../../../../projections/engine/rebuild.ts';
import { runProjector } from '../../../../projections/engine/runner.ts';
import { historyModel } from '../../../../projections/history/document.ts';
import { historyProjection } from '../../../../projections/history/project.ts';
import { type HistoryQueries, history } from '../../../../projections/history/query.ts';
import { projections } from '../../../../projections/models.ts';
import { operationsViews } from '../../../../projections/operations-views.ts';
import { nodeCryptoIds } from '../../../adapters/node/node-crypto-ids.ts';
import { systemClock } from '../../../adapters/node/system-clock.ts';
import { openSqliteLog, type WritableSqliteLog } from '../../../adapters/sqlite/event-log/sqlite-log.ts';
import { openSqliteReadModels, type SqliteReadModels } from '../../../adapters/sqlite/read-model/store.ts';
import { type ConversationEvent, mediaOf } from '../../../domain/conversation/events.ts';
import type { EventCodec } from '../../../ports/event-codec.ts';
import type { LogRecord, NewRecord } from '../../../ports/event-log.ts';
import type { HistoryProgress, WholeAnswer } from '../../../ports/history.ts';
import type { OperationsViews, RecordPlace } from '../../../ports/operations-views.ts';
import { eventCodec } from '../../../testing/event-codec.ts';
import { Conversations } from '../../gateway/conversations.ts';
import { Journal } from '../../journal.ts';
import type { MediaLinks } from '../../media/media-links.ts';
import { HistoryReads } from '../../reading/history-reads.ts';
import type { Happening } from '../../security/security-recorder.ts';
import { ConversationsManager } from '../conversations-manager.ts';
import { DeadLetters } from '../dead-letters.ts';

/** Who waits for a projector that stands still waits so many times shorter; one that runs is waited for, however slow the machine is. */
const haste = 20;

interface Waiter {
  readonly partition: number;
  readonly offset: number;
  readonly settle: (reached: boolean) => void;
}

/** How far a projector has come that the test starts and holds up. */
class Progress implements HistoryProgress {
  /** The projector stands still. */
  isHeld = false;
  readonly #next = new Map<number, number>();
  readonly #waiters = new Set<Waiter>();
  readonly #look: (partition: number) => Promise<number>;

  /** `look`: how far the store is now, whatever was last reported. */
  constructor(look: (partition: number) => Promise<number>) {
    this.#look = look;
  }

  checkpoint(partition: number): number {
    return this.#next.get(partition) ?? 0;
  }

  reached(partition: number, offset: number, timeoutMs: number): Promise<boolean> {
    if (this.checkpoint(partition) >= offset) return Promise.resolve(true);
    return new Promise((resolve) => {
      const over = new AbortController();
      const settle = (reached: boolean) => {
        over.abort();
        this.#waiters.delete(waiter);
        resolve(reached);
      };
      const waiter: Waiter = { partition, offset, settle };
      this.#waiters.add(waiter);
      this.#outlast(timeoutMs / haste, over.signal).then(
        () => settle(false),
        () => {
          // It was settled before its time.
        },
      );
    });
  }

  async whole<T>(
    upTo: ReadonlyMap<number, number>,
    timeoutMs: number,
    ask: () => Promise<T>,
  ): Promise<WholeAnswer<T> | null> {
    const reached = [...upTo].map(([partition, offset]) => this.reached(partition, offset, timeoutMs));
    if (!(await Promise.all(reached)).every(Boolean)) return null;
    const answer = await ask();
    for (const partition of upTo.keys()) this.set(partition, await this.#look(partition));
    return [...upTo].every(([partition, offset]) => this.checkpoint(partition) >= offset) ? { answer } : null;
  }

  /** Resolves after this time, or a multiple of it if the projector ran until then. Rejects when the signal aborts. */
  async #outlast(ms: number, signal: AbortSignal): Promise<void> {
    do await systemClock.sleep(ms, signal);
    while (!this.isHeld);
  }

  set(partition: number, nextOffset: number): void {
    this.#next.set(partition, nextOffset);
    for (const waiter of this.#waiters)
      if (waiter.partition === partition && nextOffset >= waiter.offset) waiter.settle(true);
  }
}

/** URLs that can be told from each other. */
const testLinks: MediaLinks = {
  present: (message) => ({
    message,
    links: new Map(
      mediaOf(message.parts).map(({ mediaId }) => [mediaId, { url: `https://media.test/${mediaId}`, expireTimeMs: 1 }]),
    ),
  }),
};

/** A real log, a real projector and real read models; what reads and manages conversations, on them. */
export class HistoryWorld implements AsyncDisposable {
  readonly partitions = 2;
  readonly journal: Journal;
  readonly progress = new Progress(async (partition) => {
    return (await this.#store.checkpoint(historyModel, 'test.conversations', partition)).offset;
  });
  readonly history: HistoryQueries;
  readonly reads: HistoryReads;
  readonly manager: ConversationsManager;
  readonly views: OperationsViews;
  readonly parked: DeadLetters;
  /** What was recorded in the security log. */
  readonly recorded: Happening[] = [];
  /** Records that the release that runs cannot decode, although the next one can. */
  unreadable: (record: Pick<LogRecord, 'value'>) => boolean = () => false;
  readonly #resources = new AsyncDisposableStack();
  readonly #store: SqliteReadModels;
  #projecting: { readonly over: AbortController; readonly ended: Promise<void> } | undefined;

  private constructor(log: WritableSqliteLog, store: SqliteReadModels, folder: string) {
    this.#resources.defer(() => rm(folder, { recursive: true }));
    this.#resources.use(log);
    this.#resources.use(store);
    this.#store = store;
    const codec: EventCodec = {
      ...eventCodec,
      decode: (record) =>
        this.unreadable(record) ? { kind: 'undecodable', reason: 'too new' } : eventCodec.decode(record),
    };
    this.journal = new Journal(log, codec, 'test');
    this.views = operationsViews(store);
    this.history = history(store);
    const conversations = new Conversations({ ...this.#deps, ids: nodeCryptoIds });
    this.reads = new HistoryReads({ ...this.#deps, conversations, ids: nodeCryptoIds, links: testLinks });
    this.manager = new ConversationsManager({ ...this.#deps, conversations, writes: { take() {} } });
    this.parked = new DeadLetters({
      ...this.#deps,
      views: this.views,
      conversations,
      ids: nodeCryptoIds,
      security: this,
    });
  }

  async record(happening: Happening): Promise<void> {
    this.recorded.push(happening);
  }

  get #deps() {
    const { journal, history, progress } = this;
    return { journal, history, progress };
  }

  static async open(): Promise<HistoryWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'parley-history-'));
    const topics = { 'test.connections': 1, 'test.conversations': 2 };
    const log = await openSqliteLog({ mode: 'write', dataDir: folder, topics });
    const world = new HistoryWorld(
      log,
      openSqliteReadModels({ path: join(folder, 'models.db'), mode: 'write' }),
      folder,
    );
    world.project();
    return world;
  }

  /** The projector goes on. */
  project(): void {
    this.progress.isHeld = false;
    const over = new AbortController();
    const ended = runProjector({
      journal: this.journal,
      store: this.#store,
      projections,
      clock: systemClock,
      signal: over.signal,
      onProgress: (model, _topic, partition, nextOffset) => {
        if (model === historyModel) this.progress.set(partition, nextOffset);
      },
    });
    this.#projecting = { over, ended };
  }

  /** The projector stands still, and everything falls behind. */
  async hold(): Promise<void> {
    this.progress.isHeld = true;
    this.#projecting?.over.abort();
    await this.#projecting?.ended;
  }

  /** Nothing is projected, and an empty store takes the place of the one whose progress was reported. */
  async loseHistory(): Promise<void> {
    await this.hold();
    await (await this.#store.rebuild(historyModel)).activate();
    // The handle goes on with what is live once it asks for the collections anew.
    history(this.#store);
  }

  /** Appends events, each to the partition of its conversation; answers with the offset of the last. */
  async append(...events: readonly ConversationEvent[]): Promise<number> {
    let offset = -1;
    for (const event of events) {
      const conversationId = 'conversationId' in event ? event.conversationId : '';
      const partition = nodeCryptoIds.partition(conversationId, this.partitions);
      const [at] = await this.journal.appendConversation(partition, conversationId, [event]);
      offset = at!.offset;
    }
    return offset;
  }

  /** Appends a record as somebody else's process would: this one knows nothing of what it says. */
  async appendRecord(record: Pick<NewRecord, 'key' | 'headers' | 'value'>): Promise<RecordPlace> {
    const partition = nodeCryptoIds.partition(record.key, this.partitions);
    const [at] = await this.journal.log.append([{ topic: 'test.conversations', partition, ...record }]);
    return { topic: 'test.conversations', partition, offset: at!.offset };
  }

  /** Makes history again from the log, and goes on with it. */
  async rebuild(): Promise<void> {
    await this.hold();
    await rebuildModel({ journal: this.journal, store: this.#store, projection: historyProjection as Projection });
    this.project();
  }

  /** The events of a conversation, as the log has them. */
  async events(conversationId: string): Promise<readonly ConversationEvent[]> {
    const partition = nodeCryptoIds.partition(conversationId, this.partitions);
    const entries = await this.journal.read<ConversationEvent>('test.conversations', partition, 0, 10_000);
    return entries
      .flatMap(({ decoded }) => (decoded.kind === 'event' ? [decoded.event] : []))
      .filter((event) => 'conversationId' in event && event.conversationId === conversationId);
  }

  /** Resolves when history shows everything. */
  async shown(): Promise<void> {
    for (let partition = 0; partition < this.partitions; partition += 1) {
      const end = await this.journal.log.endOffset('test.conversations', partition);
      if (!(await this.progress.reached(partition, end, 200_000))) throw new Error('history does not catch up');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.hold();
    await this.#resources.disposeAsync();
  }
}
