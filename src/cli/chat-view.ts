import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Chat } from '../client/chat.ts';
import type { ChatStatus } from '../client/chat-events.ts';
import { whyDelayed } from '../client/delayed-reply.ts';
import type {
  ConversationDeleted,
  ConversationRenamed,
  MessageRejected,
  ReplyDelayed,
  Welcome,
} from '../client/gen/chat/v1/chat_service_pb.js';
import { type Message, MessageStatus } from '../client/gen/chat/v1/content_pb.js';
import { MessageRefused } from '../client/refusal.ts';
import { briefly, brieflyOf, explainInChat } from './explain.ts';
import { mediaOf, mediaText, messageText } from './media/media-text.ts';
import type { ReplyMedia } from './media/reply-media.ts';
import { printable, printableLine } from './text.ts';

/** A transcript, and a status that is no part of it. All text is safe to show. */
export interface Screen {
  /** Nothing was appended since the last whole line. */
  readonly atLineStart: boolean;
  /** A whole line, or several. */
  line(text: string): void;
  /** The same, about the chat rather than of it. */
  note(text: string): void;
  /** Goes on at the end of the transcript. */
  append(text: string): void;
  endLine(): void;
  /** What is going on now; empty: nothing to tell. */
  status(text: string): void;
}

/** What else a view needs to know. */
export interface Viewing {
  /** What to do with the media of replies. */
  readonly media: ReplyMedia;
  /** The view is given up. */
  readonly signal: AbortSignal;
  /** It was asked for here, and the answer to that is shown. */
  isOwn(change: ConversationRenamed | ConversationDeleted): boolean;
}

/** Shows on a screen what a chat client tells. */
export class ChatView {
  readonly #screen: Screen;
  readonly #address: string;
  #conversationId = '';
  /** The reply on the last line. */
  #drawing = '';
  /** Replies of which something is on the screen. */
  readonly #drawn = new Set<string>();
  readonly #viewed: Viewing | undefined;
  #isRetrying = false;
  /** Media are kept in the order of their replies. */
  #told: Promise<void> = Promise.resolve();

  constructor(client: Chat, screen: Screen, address: string, viewed?: Viewing) {
    this.#screen = screen;
    this.#address = address;
    this.#viewed = viewed;
    client.on('status', (status) => this.#status(status));
    client.on('message', (message) => this.#said(message));
    client.on('replyStarted', () => screen.status('answering…'));
    client.on('replyDelayed', (delayed) => this.#delayed(delayed));
    client.on('replyRestarted', ({ replyMessageId }) => this.#restarted(replyMessageId));
    client.on('replyGrown', ({ replyMessageId, text }) => this.#grown(replyMessageId, text));
    client.on('replyCompleted', (message) => this.#completed(message));
    client.on('rejected', (rejected) => this.#rejected(rejected));
    client.on('renamed', (renamed) => this.#changed(renamed, `(renamed to ${printableLine(renamed.title)})`));
    client.on('deleted', (deleted) =>
      this.#changed(deleted, 'This conversation was deleted; /new begins another, and /join ID goes to one.'),
    );
  }

  #status(status: ChatStatus): void {
    switch (status.state) {
      case 'connecting':
        // While it is tried again and again, the reason stays to be read.
        return this.#isRetrying ? undefined : this.#screen.status(`connecting to ${this.#address}…`);
      case 'waiting':
        return this.#screen.status(`every slot is taken; number ${status.place} in line…`);
      case 'connected':
        return this.#connected(status.welcome);
      case 'joined':
        return this.#joined(status.conversationId);
      case 'draining':
        return this.#screen.status('the server is leaving; what you say now is sent when it is back');
      case 'reconnecting':
        return this.#reconnecting(status);
      case 'parked':
        this.#screen.status('');
        return this.#note('Nothing was said in time, so the slot went to others. Your next message connects again.');
      case 'refused':
      case 'left':
      case 'closed':
        return this.#screen.status('');
    }
  }

  #reconnecting({ refusal, delayMs }: Extract<ChatStatus, { state: 'reconnecting' }>): void {
    // Before the first connection, a person may have named the wrong server, or not started it.
    const isFirst = this.#conversationId === '' && !this.#isRetrying;
    if (isFirst && refusal !== undefined) this.#note(explainInChat(refusal, this.#address));
    this.#isRetrying = true;
    this.#screen.status(
      `${this.#address}: ${briefly(refusal)}; trying again in ${seconds(delayMs)}; what you type is sent then`,
    );
  }

  #connected({ conversationId, firstMessageDeadline }: Welcome): void {
    this.#isRetrying = false;
    this.#screen.status('');
    if (conversationId === this.#conversationId) return this.#note('Connected again.');
    this.#conversationId = conversationId;
    const deadline =
      firstMessageDeadline && `Say something within ${seconds(durationMs(firstMessageDeadline))}, or the slot is lost.`;
    this.#note([`Connected to conversation ${printableLine(conversationId)}.`, deadline].filter(Boolean).join(' '));
  }

  #joined(conversationId: string): void {
    if (conversationId === this.#conversationId) return;
    this.#conversationId = conversationId;
    this.#note(`In conversation ${printableLine(conversationId)}.`);
  }

  #said(message: Message): void {
    this.#line(`you: ${messageText(message)}`);
    if (message.status === MessageStatus.FAILED)
      this.#note(`(not answered: ${printableLine(brieflyOf(message.failureReason))})`);
  }

  #grown(replyMessageId: string, text: string): void {
    if (this.#drawing !== replyMessageId || this.#screen.atLineStart) {
      this.#screen.endLine();
      // What was typed in between has cut the reply in two.
      this.#screen.append(this.#drawn.has(replyMessageId) ? '…' : 'bot: ');
      this.#drawing = replyMessageId;
      this.#drawn.add(replyMessageId);
    }
    this.#screen.append(printable(text));
  }

  #delayed(delayed: ReplyDelayed): void {
    const delayMs = delayed.retryDelay === undefined ? 0 : durationMs(delayed.retryDelay);
    const again = `trying again in ${seconds(delayMs)}; Ctrl-C or /stop stops it`;
    this.#screen.status(`${whyDelayed(delayed)}; ${again}`);
  }

  #restarted(replyMessageId: string): void {
    this.#screen.status('answering…');
    if (this.#drawn.delete(replyMessageId)) this.#note('(the reply begins again)');
  }

  #completed(message: Message): void {
    this.#drawn.delete(message.messageId);
    this.#screen.endLine();
    this.#screen.status('');
    if (message.status === MessageStatus.STOPPED) this.#note('(stopped)');
    if (message.incomplete) this.#note('(incomplete: the model did not come to its end)');
    for (const media of mediaOf(message)) this.#line(`bot: ${mediaText(media)}`);
    if (mediaOf(message).length > 0) this.#told = this.#told.then(() => this.#keepMedia(message));
  }

  /** In the background: the conversation goes on while they are fetched. */
  async #keepMedia(message: Message): Promise<void> {
    const { media, signal } = this.#viewed ?? {};
    if (media?.keeps !== true) return;
    for await (const line of media.lines(message, signal)) this.#note(line);
  }

  #rejected({ clientMessageId, reason, detail, retryable, messageId }: MessageRejected): void {
    this.#screen.status('');
    // Sent again by the client itself.
    if (retryable && messageId === '')
      return this.#screen.status(`${printableLine(brieflyOf(reason))}; sending it again soon…`);
    if (reason === 'STOPPED') return this.#note('(stopped)');
    this.#note(`(not answered) ${explainInChat(new MessageRefused(clientMessageId, reason, detail), this.#address)}`);
  }

  #changed(change: ConversationRenamed | ConversationDeleted, told: string): void {
    if (this.#viewed?.isOwn(change) !== true) this.#note(told);
  }

  #line(text: string): void {
    this.#drawing = '';
    this.#screen.line(text);
  }

  #note(text: string): void {
    this.#drawing = '';
    this.#screen.note(text);
  }
}

function seconds(ms: number): string {
  return ms < 950 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 1_000)} s`;
}
