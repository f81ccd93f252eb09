import { hash } from 'node:crypto';
import type { Message, Part } from '../../src/client/gen/chat/v1/content_pb.js';
import type { Saying } from './sayings.ts';

/** What a client was told of the reply to a message. */
export interface ToldReply {
  readonly messageId: string;
  readonly sequence: number;
  /** Of its content. */
  readonly digest: string;
}

/** One thing that a client said, and all it knows of it. */
export class Said {
  /** The id that the client chose. */
  readonly id: string;
  readonly saying: Saying;
  /** By `performance.now()`; of an open loop, when it should have been said. */
  readonly saidAtMs: number;
  /** The id for ever, and the place in the conversation: undefined until the server has told. */
  messageId: string | undefined;
  sequence = 0;
  mediaId = '';
  firstPieceMs: number | undefined;
  reply: ToldReply | undefined;
  /** It will have no reply. */
  isRefused = false;
  /** History holds it. */
  isInHistory = false;
  /** On which stream of its client the complete reply came last. */
  repliedOnStream = 0;

  constructor(id: string, saying: Saying, saidAtMs: number) {
    this.id = id;
    this.saying = saying;
    this.saidAtMs = saidAtMs;
  }

  /** Nothing more is to come of it. */
  get isSettled(): boolean {
    return this.reply !== undefined || this.isRefused;
  }
}

/** The text of a message. Not the SDK's function: what a client was told is checked without it. */
export function textIn(parts: readonly Part[]): string {
  let text = '';
  for (const { value } of parts) if (value.case === 'text') text += value.value;
  return text;
}

/** Tells contents apart: words, and media without their URLs, which are new at each read. */
export function digestOf({ parts }: Pick<Message, 'parts'>): string {
  let content = '';
  for (const { value } of parts) {
    if (value.case === 'text') content += `text ${value.value}\n`;
    else if (value.case === 'media') {
      const { kind, contentType, mediaId, sizeBytes, sha256 } = value.value;
      content += `media ${kind} ${contentType} ${mediaId} ${sizeBytes} ${Buffer.from(sha256).toString('hex')}\n`;
    }
  }
  return hash('sha1', content, 'base64');
}
