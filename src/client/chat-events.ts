import type { Conversation } from './conversation.ts';
import type {
  Accepted,
  ConversationDeleted,
  ConversationRenamed,
  MessageRejected,
  ReplyDelayed,
  ReplyStarted,
  Welcome,
} from './gen/chat/v1/chat_service_pb.js';
import type { Message } from './gen/chat/v1/content_pb.js';
import type { Event } from './line.ts';
import type { Refusal } from './refusal.ts';

/** Where a chat stands. */
export type ChatStatus =
  | { readonly state: 'connecting' }
  | { readonly state: 'waiting'; readonly place: number }
  | { readonly state: 'connected'; readonly welcome: Welcome }
  | { readonly state: 'joined'; readonly conversationId: string }
  | { readonly state: 'draining'; readonly deadline: Date | undefined }
  | { readonly state: 'reconnecting'; readonly delayMs: number; readonly refusal: Refusal | undefined }
  /** The slot was given up because nothing was said; the next message connects again. */
  | { readonly state: 'parked' }
  /** Of a persistent chat: not tried again before `start`. */
  | { readonly state: 'refused'; readonly refusal: Refusal | undefined }
  /** Left by `leave`, until `start`. */
  | { readonly state: 'left' }
  | { readonly state: 'closed'; readonly refusal: Refusal | undefined };

/** What is needed to go on later, in another process. */
export interface SessionState {
  /** Secret. */
  readonly resumeToken: string;
  readonly conversationId: string;
  readonly afterSequence: bigint;
}

/** What a chat tells, by event name. */
export interface ChatEvents {
  status: ChatStatus;
  session: SessionState;
  /** The session is in this conversation now, which has its id. What comes without naming a conversation belongs there. */
  entered: Conversation;
  /** Everything the server says, as it comes, before the client makes sense of it. */
  event: Event;
  accepted: Accepted;
  /** A user message that was not posted by this object: from history, or from an earlier process. */
  message: Message;
  replyStarted: ReplyStarted;
  /** The attempt has failed, and another one is made after a while: then comes `replyStarted`, or `replyRestarted` where text was drawn that does not stand. */
  replyDelayed: ReplyDelayed;
  /** What was drawn of this reply is void. An attempt that goes on from what was drawn does not restart it. */
  replyRestarted: { readonly replyMessageId: string };
  /** Text to draw at the end of this reply. */
  replyGrown: { readonly replyMessageId: string; readonly text: string };
  /** All of it has been told by `replyGrown`. */
  replyCompleted: Message;
  rejected: MessageRejected;
  /** The conversation has another title, whoever gave it. */
  renamed: ConversationRenamed;
  /** The conversation was deleted, by whomever: what is posted to it is refused. */
  deleted: ConversationDeleted;
}

type Told = Exclude<keyof ChatEvents, 'event' | 'entered'>;

/** One of them, as an iteration gives it. */
export type ChatEvent = { [Name in Told]: { readonly type: Name; readonly data: ChatEvents[Name] } }[Told];

/** Those that an iteration gives. */
export const TOLD = [
  'status',
  'session',
  'accepted',
  'message',
  'replyStarted',
  'replyDelayed',
  'replyRestarted',
  'replyGrown',
  'replyCompleted',
  'rejected',
  'renamed',
  'deleted',
] as const satisfies readonly Told[];
