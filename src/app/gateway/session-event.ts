import { textOf } from '../../domain/conversation/events.ts';
import type { Refused } from '../../domain/errors/catalogue.ts';
import type { PresentedMessage } from '../media/media-links.ts';

/** The message is in the log. */
export interface Accepted {
  readonly type: 'accepted';
  readonly clientMessageId: string;
  readonly messageId: string;
  readonly conversationId: string;
  readonly sequence: number;
  readonly timeMs: number;
  /** This id had been accepted before. */
  readonly duplicate: boolean;
}

export interface ReplyDelta {
  readonly type: 'delta';
  readonly replyMessageId: string;
  readonly attempt: number;
  readonly offsetBytes: number;
  readonly text: string;
}

export interface Welcome {
  readonly type: 'welcome';
  readonly sessionId: string;
  readonly resumeToken: string;
  readonly conversationId: string;
  readonly timeMs: number;
}

/** A message as history holds it; its links are made last, on its way out. */
export interface MessageTold extends PresentedMessage {
  readonly type: 'message';
}

/** The conversation has another title. */
export interface Renamed {
  readonly type: 'renamed';
  readonly conversationId: string;
  readonly title: string;
  readonly sequence: number;
}

/** What a session tells its client; the transports give each its wire form. */
export type SessionEvent =
  | { readonly type: 'waiting'; readonly place: number }
  | Welcome
  | Accepted
  | MessageTold
  | {
      readonly type: 'started';
      readonly messageId: string;
      readonly replyMessageId: string;
      readonly attempt: number;
      /** So much of its text is that of the attempt before, from which it goes on. */
      readonly continuedBytes: number;
    }
  | ReplyDelta
  /** The attempt has failed; the model is asked again. */
  | {
      readonly type: 'delayed';
      readonly messageId: string;
      readonly replyMessageId: string;
      readonly attempt: number;
      readonly retryInMs: number;
      /** Of the error catalogue; absent: a worker of release 0.3 has not said. */
      readonly reason?: string;
    }
  | {
      readonly type: 'rejected';
      readonly clientMessageId: string;
      readonly messageId: string;
      /** Of the error catalogue; or of a later release's, when the log says it. */
      readonly reason: string;
      readonly detail: string;
      /** Not before this long; undefined: as the catalogue says. */
      readonly retryDelayMs?: number | undefined;
    }
  | { readonly type: 'pong'; readonly timeMs: number }
  | { readonly type: 'drain'; readonly deadlineMs: number }
  | { readonly type: 'joined'; readonly conversationId: string }
  | Renamed
  | { readonly type: 'deleted'; readonly conversationId: string; readonly sequence: number };

/** The client's end of a session, whatever carries it. */
export interface SessionOutput {
  /** Takes an event for the client; never waits. */
  emit(event: SessionEvent): void;
  /** Resolves when the client has read enough that more may be sent, or the stream is over. */
  writable(): Promise<void>;
  /** Ends the stream: in order, or with a refusal. Once only. */
  end(refused: Refused | undefined): void;
}

/** Counted for an event besides its text: ids, times and framing. */
const eventOverheadBytes = 200;

/** What an event for the client costs while it waits, in bytes. */
export function bytesOfEvent(event: SessionEvent): number {
  if (event.type === 'delta') return eventOverheadBytes + event.text.length;
  if (event.type === 'renamed') return eventOverheadBytes + event.title.length;
  if (event.type !== 'message') return eventOverheadBytes;
  let bytes = eventOverheadBytes + textOf(event.message.parts).length;
  for (const link of event.links.values()) bytes += eventOverheadBytes + link.url.length + (link.bytes?.length ?? 0);
  return bytes;
}
