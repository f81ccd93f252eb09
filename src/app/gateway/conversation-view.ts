import { textOf } from '../../domain/conversation/events.ts';
import { utf8Length, utf8Slice } from '../../domain/conversation/utf8.ts';
import type { Reason } from '../../domain/errors/catalogue.ts';
import { maxUnsentBytes } from '../../domain/limits.ts';
import type { History, HistoryMessage } from '../../ports/history.ts';
import type { LiveBus, LiveCompleted, LiveEvent, LivePiece, LiveStarted } from '../../ports/live-bus.ts';
import type { Metrics } from '../../ports/telemetry.ts';
import { noLinks } from '../media/media-links.ts';
import { HeldLiveEvents } from './held-events.ts';
import type { SessionOutput } from './session-event.ts';

/** Messages read from history at once. */
const replayBatch = 100;

/** Replies of a conversation that may be under way at once, and more: a setting, of which nobody asks for as many. */
const rememberedReplies = 64;

interface Draft {
  readonly attempt: number;
  /** What the client has of it, in UTF-8 bytes. */
  readonly bytes: number;
}

export interface ConversationViewDeps {
  readonly history: Pick<History, 'replay'>;
  readonly bus: LiveBus;
  readonly metrics: Pick<Metrics, 'historyRead'>;
  readonly output: SessionOutput;
  /** Of a message of the client's, history has told the reply, or that there will be none. */
  readonly onReplayedEnd: (messageId: string) => void;
}

/**
 * What one session sees of the conversation it is in: first what it missed, then what happens, without hole or repeat, though the bus
 * may lose or repeat anything.
 */
export class ConversationView {
  readonly conversationId: string;
  readonly #deps: ConversationViewDeps;
  readonly #drafts = new Map<string, Draft>();
  /** Live events that arrive while older things are still being sent. */
  #early: HeldLiveEvents | undefined = new HeldLiveEvents(maxUnsentBytes);
  #replayedThrough = 0;
  #isAsking = false;
  /** The replies that were told last, the oldest first: history may know one before the worker that wrote it has let its draft go. */
  readonly #whole = new Set<string>();
  #closed = false;

  constructor(conversationId: string, deps: ConversationViewDeps) {
    this.conversationId = conversationId;
    this.#deps = deps;
  }

  /** Sends what came after the sequence, then goes live. History must have caught up with everything before `end`. */
  async catchUp(afterSequence: number, end: number): Promise<void> {
    const { history, metrics, output, onReplayedEnd } = this.#deps;
    this.#replayedThrough = Math.max(afterSequence, end - 1);
    metrics.historyRead();
    let batches = 0;
    for await (const messages of history.replay(this.conversationId, afterSequence, replayBatch)) {
      batches += 1;
      // The first has been counted: nothing missed is a read, too.
      if (batches > 1) metrics.historyRead();
      for (const message of messages) {
        if (this.#closed) return;
        this.#replayOne(message, afterSequence);
        const { messageId, role, replyToMessageId, failureReason } = message;
        if (role === 'assistant') onReplayedEnd(replyToMessageId);
        else if (failureReason !== '') onReplayedEnd(messageId);
        // After each: a few long messages are more than a session may leave unread.
        await output.writable();
      }
    }
    this.goLive();
    this.#askForDrafts();
  }

  /** Shows what comes from now on, and what came while older things were being sent. */
  goLive(): void {
    const early = this.#early?.events ?? [];
    this.#early = undefined;
    for (const event of early) this.take(event);
  }

  /** False while older things are being sent, and too much is behind them already: then nothing may be taken that must not be lost. */
  admits(event: LiveEvent): boolean {
    return this.#early?.admits(event) ?? true;
  }

  /** Something happened in the conversation. */
  take(event: LiveEvent): void {
    if (this.#closed) return;
    if (this.#early !== undefined) {
      this.#early.push(event);
      return;
    }
    switch (event.type) {
      case 'started':
        return this.#started(event);
      case 'piece':
        return this.#piece(event);
      case 'completed':
        return this.#completed(event);
      case 'failed':
        return this.#deps.output.emit({ ...event, type: 'rejected', reason: event.reason as Reason });
      case 'deleted':
        return;
      default:
        return event satisfies never;
    }
  }

  /** Something of this reply came, and not yet its end. */
  hasDraft(replyMessageId: string): boolean {
    const isOfIt = (event: LiveEvent) => 'replyMessageId' in event && event.replyMessageId === replyMessageId;
    const early = this.#early?.events.filter(isOfIt) ?? [];
    return early.length === 0 ? this.#drafts.has(replyMessageId) : early.every(({ type }) => type !== 'completed');
  }

  close(): void {
    this.#closed = true;
  }

  #replayOne(message: HistoryMessage, afterSequence: number): void {
    this.#replayedThrough = Math.max(this.#replayedThrough, message.sequence);
    if (message.role === 'assistant') this.#noteWhole(message.messageId);
    if (message.sequence > afterSequence) return this.#deps.output.emit({ type: 'message', message, links: noLinks });
    // The client has the message already; what it missed is that it was given up.
    this.#deps.output.emit({
      type: 'rejected',
      clientMessageId: message.clientMessageId,
      messageId: message.messageId,
      reason: message.failureReason as Reason,
      detail: message.failureDetail,
    });
  }

  #noteWhole(replyMessageId: string): void {
    this.#whole.add(replyMessageId);
    const [oldest] = this.#whole;
    if (this.#whole.size > rememberedReplies && oldest !== undefined) this.#whole.delete(oldest);
  }

  /** Once for all holes of one turn of the event loop: what came before the session went live has one at each piece, and an answer closes them all. */
  #askForDrafts(): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    queueMicrotask(() => {
      this.#isAsking = false;
      if (!this.#closed) this.#deps.bus.requestDrafts(this.conversationId, (event) => this.take(event));
    });
  }

  #started({ messageId, replyMessageId, attempt }: LiveStarted): void {
    const draft = this.#drafts.get(replyMessageId);
    if (this.#whole.has(replyMessageId) || (draft !== undefined && draft.attempt >= attempt)) return;
    this.#drafts.set(replyMessageId, { attempt, bytes: 0 });
    this.#deps.output.emit({ type: 'started', messageId, replyMessageId, attempt });
  }

  #piece(piece: LivePiece): void {
    const { replyMessageId, attempt, offsetBytes } = piece;
    const known = this.#drafts.get(replyMessageId);
    if (this.#whole.has(replyMessageId) || (known !== undefined && known.attempt > attempt)) return;
    const bytes = known?.attempt === attempt ? known.bytes : 0;
    // A hole: the whole draft is asked for, and closes it.
    if (offsetBytes > bytes) return this.#askForDrafts();
    if (known?.attempt !== attempt) this.#started({ ...piece, type: 'started' });
    const text = offsetBytes === bytes ? piece.text : utf8Slice(piece.text, bytes - offsetBytes);
    if (text === '') return;
    this.#drafts.set(replyMessageId, { attempt, bytes: bytes + utf8Length(text) });
    this.#deps.output.emit({ type: 'delta', replyMessageId, attempt, offsetBytes: bytes, text });
  }

  #completed(event: LiveCompleted): void {
    if (event.sequence <= this.#replayedThrough) return;
    const draft = this.#drafts.get(event.replyMessageId);
    // Pieces that the bus lost are made up, so that what a client drew by pieces is the whole reply.
    if (draft !== undefined) this.#makeUp(event, draft);
    this.#drafts.delete(event.replyMessageId);
    this.#noteWhole(event.replyMessageId);
    this.#deps.output.emit({ type: 'message', message: replyOf(event, this.conversationId), links: noLinks });
  }

  #makeUp(event: LiveCompleted, draft: Draft): void {
    const text = textOf(event.parts);
    if (draft.attempt === event.attempt && draft.bytes === utf8Length(text)) return;
    this.#piece({ ...event, type: 'piece', offsetBytes: 0, text });
  }
}

function replyOf(event: LiveCompleted, conversationId: string): HistoryMessage {
  return {
    messageId: event.replyMessageId,
    conversationId,
    clientId: '',
    sequence: event.sequence,
    role: 'assistant',
    parts: event.parts,
    status: event.outcome,
    replyToMessageId: event.messageId,
    replyMessageId: '',
    clientMessageId: '',
    createTimeMs: event.timeMs,
    completeTimeMs: event.timeMs,
    model: event.model,
    failureReason: '',
    failureDetail: '',
    attempt: event.attempt,
  };
}
