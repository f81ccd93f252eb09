import type { Dynamic } from './contract.ts';

interface SeenAttempt {
  readonly attempt: number;
  /** What it goes on from, as far as that was seen. */
  readonly continued: string;
  /** Of this stream. */
  text: string;
}

/** Checks, over all streams of one client, that an attempt which goes on from another one begins with what was seen of that one. */
export class ContinuedAttempts {
  readonly #attempts = new Map<string, SeenAttempt>();
  /** The most that was seen of each attempt, by reply. */
  readonly #seen = new Map<string, Map<number, string>>();

  /** Takes the next event of a stream. @returns what is wrong with it, if anything is */
  take(kind: string, body: Dynamic): string | undefined {
    if (kind === 'replyStarted') this.#started(body);
    if (kind === 'replyDelta') return this.#piece(body);
    if (kind === 'message') this.#forget(body.messageId);
    return undefined;
  }

  #started({ replyMessageId, attempt, continuedBytes }: Dynamic): void {
    const before = Buffer.from(this.#seen.get(replyMessageId)?.get(attempt - 1) ?? '');
    const continued = before.subarray(0, continuedBytes).toString();
    this.#attempts.set(replyMessageId, { attempt, continued, text: '' });
  }

  #piece({ replyMessageId, attempt, text }: Dynamic): string | undefined {
    const current = this.#attempts.get(replyMessageId);
    if (current === undefined || current.attempt !== attempt)
      return `attempt ${attempt} of ${replyMessageId} was not begun`;
    current.text += text;
    const seen = this.#seen.get(replyMessageId) ?? new Map<number, string>();
    this.#seen.set(replyMessageId, seen);
    if (current.text.length > (seen.get(attempt) ?? '').length) seen.set(attempt, current.text);
    const { continued } = current;
    if (continued.startsWith(current.text) || current.text.startsWith(continued)) return undefined;
    return `attempt ${attempt} of ${replyMessageId} goes on from "${continued}" with "${current.text}"`;
  }

  #forget(replyMessageId: string): void {
    this.#attempts.delete(replyMessageId);
    this.#seen.delete(replyMessageId);
  }
}
