import type { OutgoingMessage } from '../app/gateway/outgoing-message.ts';
import type { Session } from '../app/gateway/session.ts';
import { Refused } from '../domain/errors/catalogue.ts';
import { maxUntakenBytes } from '../domain/limits.ts';

/** Counted for a frame besides its content: the objects that it is decoded to, and its turn. */
const frameOverheadBytes = 500;

/** The same for a part of a message. */
const partOverheadBytes = 150;

/** What a message costs while it waits to be taken, in bytes. */
export function bytesOfMessage({ clientMessageId, parts }: OutgoingMessage): number {
  let bytes = frameOverheadBytes + clientMessageId.length;
  for (const part of parts) {
    bytes += partOverheadBytes;
    if (part.kind === 'text') bytes += part.text.length;
    if (part.kind === 'media') bytes += part.inlineData.length + part.mediaId.length + part.contentType.length;
  }
  return bytes;
}

/** What a frame that is no message costs, by the string in it. */
export function bytesOfFrame(content: string): number {
  return frameOverheadBytes + content.length;
}

/** What unary calls bring to sessions and is not taken yet. Nobody can stop reading them one by one, so what is too much is refused. */
export class UntakenCalls {
  readonly #bytes = new WeakMap<Session, number>();

  /** Does what the call asks for. Rejects with TOO_MANY_PENDING when the session has more than enough to take; one call alone is never too much. */
  async taking<T>(session: Session, bytes: number, take: () => Promise<T>): Promise<T> {
    const untaken = this.#bytes.get(session) ?? 0;
    if (untaken > 0 && untaken + bytes > maxUntakenBytes)
      throw new Refused('TOO_MANY_PENDING', `${untaken} bytes of this session are not taken yet`);
    this.#bytes.set(session, untaken + bytes);
    try {
      return await take();
    } finally {
      this.#bytes.set(session, (this.#bytes.get(session) ?? 0) - bytes);
    }
  }
}
