import type {
  ConversationDeleted,
  ConversationEvent,
  ConversationRenamed,
  MessageReceived,
  ReplyCompleted,
  ReplyFailed,
  ReplyProgress,
  ReplyStarted,
} from '../../domain/conversation/events.ts';
import { type PartitionState, pendingMessage } from '../../domain/conversation/partition-state.ts';
import { noDraft, type PendingMessage } from '../../domain/conversation/pending-messages.ts';
import type { TraceContext } from '../../ports/tracing.ts';

/** A record that counts for sessions. */
export type FollowedRecord = MessageRecord | ConversationRecord;

/** One about a conversation as a whole. */
export interface ConversationRecord {
  readonly offset: number;
  readonly event: ConversationRenamed | ConversationDeleted;
}

/** One about a message. */
export interface MessageRecord {
  readonly offset: number;
  /** The log's time, milliseconds since the epoch. */
  readonly timeMs: number;
  readonly event: MessageReceived | ReplyStarted | ReplyProgress | ReplyCompleted | ReplyFailed;
  /** The message as it stood before the record; one that was just received, after it. */
  readonly message: PendingMessage;
  /** What the record's writer was doing; undefined: not traced. */
  readonly trace: TraceContext | undefined;
}

/** What an event means to sessions, with the states before and after it; undefined: nothing. */
export function followedRecord(
  at: Pick<MessageRecord, 'offset' | 'timeMs' | 'trace'>,
  event: ConversationEvent,
  before: PartitionState,
  after: PartitionState,
): FollowedRecord | undefined {
  switch (event.type) {
    case 'ConversationRenamed':
      // No concern of the processing state, which it leaves as it is. Who reads late finds a title erased before its conversation's deletion, which follows.
      return event.title === '' || after.deleted.has(event.conversationId) ? undefined : { offset: at.offset, event };
    case 'ConversationDeleted':
      return before === after ? undefined : { offset: at.offset, event };
    case 'MessageReceived':
    case 'ReplyStarted':
    case 'ReplyProgress':
    case 'ReplyCompleted':
    case 'ReplyFailed': {
      if (before === after) return undefined;
      const message = pendingMessage(event.type === 'MessageReceived' ? after : before, event.messageId);
      return message && { ...at, event, message };
    }
    default:
      return undefined;
  }
}

export function isAboutMessage(record: FollowedRecord): record is MessageRecord {
  return 'message' in record;
}

/** The conversation that the record belongs to. */
export function conversationOf(record: FollowedRecord): string {
  return isAboutMessage(record) ? record.message.conversationId : record.event.conversationId;
}

/** Progress of an attempt: redundant with the fold, or with the attempt's final event. */
export function isUnderWay({ event }: FollowedRecord): boolean {
  return event.type === 'ReplyStarted' || event.type === 'ReplyProgress';
}

/** The final event of a reply includes its draft. */
export function withoutDraft(record: FollowedRecord): FollowedRecord {
  if (!isAboutMessage(record) || record.message.draft === noDraft) return record;
  return { ...record, message: { ...record.message, draft: noDraft } };
}

/** Counted for a record besides its text: ids, times, the message and what each attempt used. By heap snapshots under load, 28,000 records keep 900 bytes each. */
const overheadBytes = 850;

/** The recent records of one partition, in order, up to this many bytes. One array: an index would cost every message, and is needed only on resume. */
export class RecentRecords {
  readonly #maxBytes: number;
  /** The oldest first, from `#oldest` on; undefined before. */
  #records: (FollowedRecord | undefined)[] = [];
  #oldest = 0;
  #bytes = 0;
  #completeFrom: number;

  /** What counts is known from this offset on. */
  constructor(completeFrom: number, maxBytes: number) {
    this.#completeFrom = completeFrom;
    this.#maxBytes = maxBytes;
  }

  /** Everything that was recorded at this offset or later, and was not deleted, is here. */
  get completeFrom(): number {
    return this.#completeFrom;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(record: FollowedRecord): void {
    this.#records.push(record);
    this.#bytes += bytesOf(record);
    while (this.#bytes > this.#maxBytes) this.#dropOldest();
  }

  /** The conversation's records after this offset; undefined when some may have been dropped. */
  after(conversationId: string, offset: number): readonly FollowedRecord[] | undefined {
    if (offset + 1 < this.#completeFrom) return undefined;
    const said: FollowedRecord[] = [];
    // From the newest on: nearly always little was missed.
    for (let index = this.#records.length - 1; index >= this.#oldest; index -= 1) {
      const record = this.#records[index] as FollowedRecord;
      if (record.offset <= offset) break;
      if (conversationOf(record) === conversationId) said.push(record);
    }
    return said.reverse();
  }

  /** Its content must not be sent any more. */
  forget(conversationId: string): void {
    const all = this.#records.slice(this.#oldest) as FollowedRecord[];
    const kept = all.filter((record) => conversationOf(record) !== conversationId);
    this.#records = kept;
    this.#oldest = 0;
    this.#bytes = kept.reduce((sum, record) => sum + bytesOf(record), 0);
  }

  #dropOldest(): void {
    const record = this.#records[this.#oldest];
    if (record === undefined) return;
    this.#records[this.#oldest] = undefined;
    this.#oldest += 1;
    this.#bytes -= bytesOf(record);
    // What was read before is not complete anyway.
    this.#completeFrom = Math.max(this.#completeFrom, record.offset + 1);
    if (this.#oldest * 2 < this.#records.length) return;
    this.#records = this.#records.slice(this.#oldest);
    this.#oldest = 0;
  }
}

function bytesOf({ event }: FollowedRecord): number {
  if (event.type === 'ConversationRenamed') return overheadBytes + 2 * event.title.length;
  let bytes = overheadBytes;
  if ('parts' in event) for (const part of event.parts) if (part.kind === 'text') bytes += 2 * part.text.length;
  return bytes;
}
