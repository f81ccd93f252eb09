import { type ReplyCompleted, textOf } from '../../domain/conversation/events.ts';
import { pendingMessage } from '../../domain/conversation/partition-state.ts';
import { type Draft, noDraft, type PendingMessage } from '../../domain/conversation/pending-messages.ts';
import { stretches, utf8Length, utf8Slice } from '../../domain/conversation/utf8.ts';
import { maxPieceBytes } from '../../domain/limits.ts';
import type { HistoryMessage } from '../../ports/history.ts';
import type { Ids } from '../../ports/ids.ts';
import type { LiveBus, LiveEvent, LivePiece } from '../../ports/live-bus.ts';
import type { Following } from '../following/following.ts';
import type { PartitionFollower } from '../following/partition-follower.ts';
import {
  type ConversationRecord,
  type FollowedRecord,
  isAboutMessage,
  type MessageRecord,
} from '../following/recent-records.ts';
import { noLinks } from '../media/media-links.ts';
import { HeldPieces } from './held-pieces.ts';
import type { MissedRecord, SaidAt, SessionConversations } from './session-conversations.ts';
import type { SessionOutput } from './session-event.ts';

/** Bytes of pieces buffered until the start of their attempt is read from the log. */
const maxEarlyBytes = 2 * maxPieceBytes;

interface Drawn {
  readonly attempt: number;
  /** What the client has of it, in UTF-8 bytes. */
  readonly bytes: number;
}

type UnderWay = Pick<PendingMessage, 'messageId' | 'attempt' | 'continuedBytes' | 'draft'>;

export interface ConversationViewDeps {
  readonly following: Pick<Following, 'of'>;
  readonly conversations: Pick<SessionConversations, 'missed'>;
  readonly bus: LiveBus;
  readonly ids: Pick<Ids, 'replyMessageId'>;
  readonly output: SessionOutput;
  /** A message of the client is at this place: sends Accepted if that is pending, and returns whether it was; else the message itself is sent. */
  readonly onReceived: (messageId: string, at: SaidAt) => boolean;
  /** A message has its end, which the client was just told. */
  readonly onEnded: (record: MessageRecord) => void;
}

/**
 * What one session sees of the conversation it is in: everything after a sequence, in the log's order, and pieces of the attempts that the log says
 * have begun, without hole or repeat, though the bus may lose, repeat or delay them.
 */
export class ConversationView {
  readonly conversationId: string;
  readonly #deps: ConversationViewDeps;
  /** Of the partition that holds the conversation. */
  readonly #fold: PartitionFollower;
  readonly #drafts = new Map<string, Drawn>();
  readonly #early = new HeldPieces(maxEarlyBytes);
  /** The client knows everything of the conversation up to this offset. */
  #through: number;
  /** Records of the conversation are sent at once. */
  #isLive = false;
  #isAsking = false;
  /** Number of truncations of the log: earlier reads are of another log. */
  #shortenings = 0;
  #closed = false;
  #unsubscribe = () => {};

  constructor(conversationId: string, afterSequence: number, deps: ConversationViewDeps) {
    this.conversationId = conversationId;
    this.#deps = deps;
    this.#fold = deps.following.of(conversationId);
    // A sequence that the log never gave would hide what it gives next.
    this.#through = Math.min(afterSequence, this.#fold.next - 1);
  }

  /** Whether the client has been told everything up to this offset. */
  hasTold(offset: number): boolean {
    return offset <= this.#through;
  }

  /** Sends events after the position, as fast as the client reads, and then live ones. Rejects with LogUnavailable or ReadModelUnavailable. */
  async show(): Promise<void> {
    while (!this.#closed) {
      const missed = this.#fold.saidAfter(this.conversationId, this.#through);
      if (missed?.length === 0) return this.#goLive();
      if (missed === undefined) await this.#tellOlder(this.#fold.recent.completeFrom);
      else await this.#tellRecent(missed);
    }
  }

  /** Something was read about the conversation or a message of it. */
  followed(record: FollowedRecord): void {
    if (!this.#isLive || this.#closed || record.offset <= this.#through) return;
    this.#through = record.offset;
    this.#tell(record);
  }

  /** The log has lost what it held from this offset on. */
  shortened(endOffset: number): void {
    this.#shortenings += 1;
    this.#through = Math.min(this.#through, endOffset - 1);
    this.#drafts.clear();
  }

  close(): void {
    this.#closed = true;
    this.#unsubscribe();
  }

  async #tellRecent(missed: readonly FollowedRecord[]): Promise<void> {
    const shortenings = this.#shortenings;
    for (const record of missed) {
      await this.#tellMissed({ type: 'record', record }, record.offset);
      if (shortenings !== this.#shortenings) return;
    }
  }

  async #tellOlder(upTo: number): Promise<void> {
    const { conversations } = this.#deps;
    const shortenings = this.#shortenings;
    for await (const batch of conversations.missed(this.conversationId, this.#through, upTo)) {
      for (const missed of batch) {
        if (this.#closed) return;
        await this.#tellMissed(missed, missed.type === 'record' ? missed.record.offset : missed.at);
        if (shortenings !== this.#shortenings) return;
      }
    }
    if (shortenings === this.#shortenings) this.#through = Math.max(this.#through, upTo - 1);
  }

  /** After each is waited: a few long messages are more than a session may leave unread. */
  async #tellMissed(missed: MissedRecord, offset: number): Promise<void> {
    if (this.#closed) return;
    const before = this.#through;
    this.#through = offset;
    if (missed.type === 'record') this.#tell(missed.record);
    else this.#tellMessage(missed.message, before);
    await this.#deps.output.writable();
  }

  /** Nothing is awaited between the last that was missed and this. */
  #goLive(): void {
    const { conversationId } = this;
    this.#isLive = true;
    this.#unsubscribe = this.#deps.bus.subscribe(conversationId, (event) => this.#heard(event));
    let isUnderWay = false;
    for (const message of this.#fold.state.pending) {
      // One whose worker was lost waits for the next, which may go on from there.
      const isBegun = message.processing || message.draft.bytes > 0;
      if (message.conversationId !== conversationId || !isBegun) continue;
      isUnderWay ||= message.processing;
      this.#underWay(message);
    }
    if (isUnderWay) this.#askForDrafts();
  }

  #tell(record: FollowedRecord): void {
    if (isAboutMessage(record)) this.#tellOfMessage(record);
    else this.#tellOfConversation(record);
  }

  #tellOfConversation({ offset: sequence, event }: ConversationRecord): void {
    const { conversationId } = event;
    if (event.type === 'ConversationDeleted') this.#deps.output.emit({ type: 'deleted', conversationId, sequence });
    else this.#deps.output.emit({ type: 'renamed', conversationId, title: event.title, sequence });
  }

  #tellOfMessage(record: MessageRecord): void {
    const { event, message } = record;
    switch (event.type) {
      case 'MessageReceived':
        this.#received(said(record));
        return;
      case 'ReplyStarted':
      case 'ReplyProgress': {
        const underWay = this.#pending(event.messageId);
        if (underWay !== undefined) this.#underWay(underWay);
        return;
      }
      case 'ReplyCompleted':
        this.#completed(event, record);
        return this.#deps.onEnded(record);
      case 'ReplyFailed': {
        const { messageId, reason, detail } = event;
        this.#forgetDraft(messageId);
        const { clientMessageId } = message;
        this.#deps.output.emit({ type: 'rejected', clientMessageId, messageId, reason, detail });
        return this.#deps.onEnded(record);
      }
      default:
        return event satisfies never;
    }
  }

  /** From history: either messages after the client's position, or failures of earlier ones. */
  #tellMessage(message: HistoryMessage, afterSequence: number): void {
    const isAfter = message.sequence > afterSequence;
    if (isAfter && message.role === 'assistant') return this.#emit(message);
    // A message that is shown says itself that it was given up.
    if (isAfter && (!this.#received(message) || message.failureReason === '')) return;
    const { clientMessageId, messageId, failureReason: reason, failureDetail: detail } = message;
    this.#deps.output.emit({ type: 'rejected', clientMessageId, messageId, reason, detail });
  }

  /** True when a pending Accepted was sent; else the message was sent. */
  #received(message: HistoryMessage): boolean {
    const { messageId, sequence, createTimeMs: timeMs } = message;
    const isTold = this.#deps.onReceived(messageId, { sequence, timeMs });
    if (!isTold) this.#emit(message);
    return isTold;
  }

  #emit(message: HistoryMessage): void {
    this.#deps.output.emit({ type: 'message', message, links: noLinks });
  }

  /** An attempt was begun, or the log has more of its text: what the bus did not bring is told from there. */
  #underWay({ messageId, attempt, continuedBytes, draft: saved }: UnderWay): void {
    const replyMessageId = this.#deps.ids.replyMessageId(messageId);
    if ((this.#drafts.get(replyMessageId)?.attempt ?? 0) < attempt) {
      this.#drafts.set(replyMessageId, { attempt, bytes: 0 });
      this.#deps.output.emit({ type: 'started', messageId, replyMessageId, attempt, continuedBytes });
    }
    this.#drawTo(replyMessageId, attempt, saved);
    for (const event of this.#early.take(replyMessageId, attempt)) this.#heard(event);
  }

  #heard(event: LiveEvent): void {
    if (this.#closed) return;
    const { messageId, replyMessageId, attempt } = event;
    const draft = this.#drafts.get(replyMessageId);
    if (draft === undefined || draft.attempt < attempt) {
      // The bus may be ahead of the log, or tell of what has its end.
      if (this.#pending(messageId) !== undefined) this.#early.push(event);
      return;
    }
    if (draft.attempt > attempt) return;
    if (event.type === 'piece') return this.#piece(event, draft);
    this.#deps.output.emit({ ...event, type: 'delayed' });
  }

  #piece({ replyMessageId, offsetBytes, text }: LivePiece, draft: Drawn): void {
    // A hole: the whole draft is asked for, and closes it.
    if (offsetBytes > draft.bytes) return this.#askForDrafts();
    this.#append(replyMessageId, draft, utf8Slice(text, draft.bytes - offsetBytes));
  }

  #append(replyMessageId: string, { attempt, bytes }: Drawn, text: string): void {
    if (text === '') return;
    this.#drafts.set(replyMessageId, { attempt, bytes: bytes + utf8Length(text) });
    for (const stretch of stretches(text, bytes, maxPieceBytes))
      this.#deps.output.emit({ type: 'delta', replyMessageId, attempt, ...stretch });
  }

  /** The attempt's text is at least this: what the client has not drawn of it yet is told. */
  #drawTo(replyMessageId: string, attempt: number, { text, bytes }: Draft): void {
    const drawn = this.#drafts.get(replyMessageId);
    if (drawn?.attempt === attempt && drawn.bytes < bytes)
      this.#append(replyMessageId, drawn, utf8Slice(text, drawn.bytes));
  }

  /** Pieces that the bus lost are made up, so that what a client drew by pieces is the whole reply. */
  #completed(event: ReplyCompleted, record: MessageRecord): void {
    const { replyMessageId, attempt } = event;
    if (this.#drafts.has(replyMessageId)) {
      const { messageId, draft: saved } = record.message;
      const text = textOf(event.parts);
      // The log may not have the attempt's start.
      const continuedBytes = text.startsWith(saved.text) ? saved.bytes : 0;
      this.#underWay({ messageId, attempt, continuedBytes, draft: noDraft });
      this.#drawTo(replyMessageId, attempt, { text, bytes: utf8Length(text) });
    }
    this.#forgetDraft(event.messageId);
    this.#emit(replied(event, record));
  }

  #forgetDraft(messageId: string): void {
    const replyMessageId = this.#deps.ids.replyMessageId(messageId);
    this.#drafts.delete(replyMessageId);
    this.#early.drop(replyMessageId);
  }

  #pending(messageId: string): PendingMessage | undefined {
    return pendingMessage(this.#fold.state, messageId);
  }

  /** Once for all holes of one turn of the event loop. */
  #askForDrafts(): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    queueMicrotask(() => {
      this.#isAsking = false;
      if (!this.#closed) this.#deps.bus.requestDrafts(this.conversationId, (event) => this.#heard(event));
    });
  }
}

function said({ message, offset, timeMs }: MessageRecord): HistoryMessage {
  const { messageId, conversationId, clientId, clientMessageId, parts } = message;
  return {
    ...nothing,
    messageId,
    conversationId,
    clientId,
    sequence: offset,
    role: 'user',
    parts,
    status: 'queued',
    clientMessageId,
    createTimeMs: timeMs,
  };
}

function replied(event: ReplyCompleted, { message, offset, timeMs }: MessageRecord): HistoryMessage {
  return {
    ...nothing,
    messageId: event.replyMessageId,
    conversationId: message.conversationId,
    sequence: offset,
    role: 'assistant',
    parts: event.parts,
    status: event.outcome,
    ...(event.incomplete && { incomplete: event.incomplete }),
    replyToMessageId: event.messageId,
    createTimeMs: timeMs,
    completeTimeMs: timeMs,
    model: event.model,
    attempt: event.attempt,
  };
}

const nothing = {
  clientId: '',
  replyToMessageId: '',
  replyMessageId: '',
  clientMessageId: '',
  completeTimeMs: null,
  model: '',
  failureReason: '',
  failureDetail: '',
  attempt: 0,
} as const;
