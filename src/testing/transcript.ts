import { textOf } from './black-box-client.ts';
import type { Dynamic } from './contract.ts';

/** What a stream sent about a record of the log. */
export interface Sent {
  readonly kind: 'accepted' | 'message' | 'reply' | 'failure' | 'title' | 'deletion';
  /** The user message that it is about; '': none. */
  readonly messageId: string;
  /** A failure has none. */
  readonly sequence: number | undefined;
  /** An Accepted that answers a repeat: it names the place of the first, and may come later than that. */
  readonly isDuplicate: boolean;
  /** Of a message or a reply; the title. */
  readonly text: string | undefined;
}

/** What one stream sent of one conversation, from the moment that it turned to it. */
export interface Transcript {
  readonly conversationId: string;
  /** Where the client resumed. */
  readonly afterSequence: number;
  readonly sent: Sent[];
}

/** What all streams of one client sent it, and where it resumes by docs/protocol.md: after the highest sequence of the conversation that it saw on a stream. */
export class Transcripts {
  readonly all: Transcript[] = [];
  readonly #highest = new Map<string, number>();

  /** The highest sequence of the conversation that was seen; 0: none. */
  highest(conversationId: string): number {
    return this.#highest.get(conversationId) ?? 0;
  }

  /** A stream turns to a conversation, resumed after this sequence. */
  begin(conversationId: string, afterSequence: number): Transcript {
    const transcript = { conversationId, afterSequence, sent: [] };
    this.all.push(transcript);
    return transcript;
  }

  /** Notes what the stream sends, if it is about records, and answers with that. */
  note({ conversationId, sent }: Transcript, kind: string, body: Dynamic): readonly Sent[] {
    const about = sentIn(kind, body);
    sent.push(...about);
    const sequences = about.map(({ sequence = 0 }) => sequence);
    this.#highest.set(conversationId, Math.max(this.highest(conversationId), ...sequences));
    return about;
  }
}

function sentIn(kind: string, body: Dynamic): readonly Sent[] {
  const { messageId, sequence } = body;
  const change = { messageId: '', sequence, isDuplicate: false };
  if (kind === 'renamed') return [{ kind: 'title', ...change, text: body.title }];
  if (kind === 'deleted') return [{ kind: 'deletion', ...change, text: undefined }];
  const failure: Sent = { kind: 'failure', messageId, sequence: undefined, isDuplicate: false, text: undefined };
  if (kind === 'accepted') return [{ kind, messageId, sequence, isDuplicate: body.duplicate, text: undefined }];
  if (kind === 'message') {
    const common = { sequence, isDuplicate: false, text: textOf(body) };
    if (body.role === 'ROLE_ASSISTANT') return [{ kind: 'reply', messageId: body.replyToMessageId, ...common }];
    // A message of which history knows already that it was given up says so itself.
    return [{ kind, messageId, ...common }, ...(body.failureReason === '' ? [] : [failure])];
  }
  // A refusal has no id: nothing of it is in the log.
  return kind === 'rejected' && messageId !== '' ? [failure] : [];
}
