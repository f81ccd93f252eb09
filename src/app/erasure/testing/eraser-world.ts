import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCryptoIds } from '../../../adapters/node/node-crypto-ids.ts';
import { systemClock } from '../../../adapters/node/system-clock.ts';
import { openSqliteLog, type WritableSqliteLog } from '../../../adapters/sqlite/event-log/sqlite-log.ts';
import type { ConversationEvent, MediaPart, Part } from '../../../domain/conversation/events.ts';
import type { Erasure, LogRecord } from '../../../ports/event-log.ts';
import { LogUnavailable } from '../../../ports/event-log.ts';
import { messageReceived } from '../../../testing/conversation-events.ts';
import { eventCodec } from '../../../testing/event-codec.ts';
import { FaultyLog } from '../../../testing/faulty-log.ts';
import { Journal } from '../../journal.ts';
import { Eraser, type EraserDeps } from '../eraser.ts';
import { FoldedHistory } from './folded-history.ts';

const prefix = 'test';
const partitions = 2;
const allRecords = 1_000_000;

/** How an erasure goes: as usual, refused, or done without an answer. */
export type EraseFault = 'none' | 'refused' | 'lost-answer';

/** A log whose erasures fail as told, and that remembers where tails began. */
class LogUnderErasure extends FaultyLog {
  eraseFault: () => EraseFault = () => 'none';
  readonly tailedFrom: number[] = [];
  /** The time that readers find in a record. */
  timeOf = ({ timeMs }: LogRecord): number => timeMs;

  override async erase(topic: string, partition: number, erasures: readonly Erasure[]): Promise<void> {
    const fault = this.eraseFault();
    if (fault === 'refused') throw new LogUnavailable('refused by the test', 'not-written');
    await super.erase(topic, partition, erasures);
    if (fault === 'lost-answer') throw new LogUnavailable('answer lost by the test', 'unknown');
  }

  override async *tail(...args: Parameters<FaultyLog['tail']>) {
    this.tailedFrom.push(args[2]);
    for await (const batch of super.tail(...args)) yield batch.map((record) => this.#timed(record));
  }

  override async read(...args: Parameters<FaultyLog['read']>): Promise<readonly LogRecord[]> {
    return (await super.read(...args)).map((record) => this.#timed(record));
  }

  #timed(record: LogRecord): LogRecord {
    return { ...record, timeMs: this.timeOf(record) };
  }
}

/** A real log with conversations, a history that is folded from it, and a store of media that are only names. */
export class EraserWorld implements AsyncDisposable {
  readonly journal: Journal;
  readonly log: LogUnderErasure;
  readonly history: FoldedHistory;
  readonly media = new Set<string>();
  /** Called before a medium is deleted; may throw. */
  beforeDelete: (mediaId: string) => void = () => undefined;
  readonly logged: { readonly level: string; readonly message: string; readonly fields: object }[] = [];
  readonly dataDir: string;
  readonly #sqlite: WritableSqliteLog;

  private constructor(dataDir: string, sqlite: WritableSqliteLog) {
    this.dataDir = dataDir;
    this.#sqlite = sqlite;
    this.log = new LogUnderErasure(sqlite);
    this.journal = new Journal(this.log, eventCodec, prefix);
    this.history = new FoldedHistory(this.journal);
  }

  static async open(): Promise<EraserWorld> {
    const dataDir = await mkdtemp(join(tmpdir(), 'parley-eraser-'));
    const topics = { [`${prefix}.connections`]: 1, [`${prefix}.conversations`]: partitions };
    return new EraserWorld(dataDir, await openSqliteLog({ mode: 'write', dataDir, topics }));
  }

  /** An eraser as a process has it. Intervals are short, and nothing is waited for after a deletion, unless told otherwise. */
  eraser(over: Partial<EraserDeps> = {}): Eraser {
    const { journal, history, logged } = this;
    const write = (level: string) => (fields: object, message: string) => void logged.push({ level, message, fields });
    return new Eraser({
      journal,
      history,
      references: history,
      conversations: {
        partition: (conversationId) => this.partitionOf(conversationId),
        allWhole: (ask) => history.allWhole(ask),
      },
      media: {
        delete: async (mediaId) => {
          this.beforeDelete(mediaId);
          this.media.delete(mediaId);
        },
      },
      clock: systemClock,
      logger: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
      delayMs: 0,
      intervalMs: 1,
      namedWithinMs: 1,
      ...over,
    });
  }

  partitionOf(conversationId: string): number {
    return nodeCryptoIds.partition(conversationId, partitions);
  }

  /** Appends events of a conversation. */
  async tell(conversationId: string, ...events: readonly ConversationEvent[]): Promise<void> {
    await this.journal.appendConversation(this.partitionOf(conversationId), conversationId, events);
  }

  /** Appends a message. Its media come into the store. */
  async say(messageId: string, ...parts: readonly Part[]): Promise<void> {
    for (const part of parts) if (part.kind !== 'text') this.media.add(part.mediaId);
    const event = messageReceived(messageId, { parts });
    await this.tell(event.conversationId, event);
  }

  async delete(...conversationIds: readonly string[]): Promise<void> {
    for (const conversationId of conversationIds) {
      await this.tell(conversationId, { type: 'ConversationDeleted', conversationId });
    }
  }

  /** The events of a conversation, as the log has them now. */
  async events(conversationId: string): Promise<readonly ConversationEvent[]> {
    const { topics } = this.journal;
    const partition = this.partitionOf(conversationId);
    const records = await this.journal.log.read(topics.conversations, partition, 0, allRecords);
    return records
      .filter(({ key }) => key === conversationId)
      .map((record) => {
        const decoded = eventCodec.decode(record);
        if (decoded.kind !== 'event') throw new Error(`offset ${record.offset} holds no event`);
        return decoded.event as ConversationEvent;
      });
  }

  /** Whether the text is anywhere in the files of the log. */
  async isInFiles(text: string): Promise<boolean> {
    const entries = await readdir(this.dataDir, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const contents = await Promise.all(files.map((file) => readFile(file)));
    return contents.some((bytes) => bytes.includes(text));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sqlite[Symbol.asyncDispose]();
    await rm(this.dataDir, { recursive: true });
  }
}

/** A text part. */
export function said(text: string): Part {
  return { kind: 'text', text };
}

/** A picture of this id. */
export function picture(mediaId: string): MediaPart {
  return { kind: 'image', mediaId, contentType: 'image/png', sizeBytes: 4, sha256: '0'.repeat(64) };
}
