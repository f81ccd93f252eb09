import { Refusal } from '../../src/client/refusal.ts';
import type { ConversationCheck } from './conversation-check.ts';
import { conversationPage, type History } from './history.ts';
import { HistoryCheck } from './history-check.ts';
import type { MediaFiles } from './media-files.ts';
import type { ViolationLog } from './violations.ts';

/** Compares one client's conversation with what it was told, page by page, and forgets what it has compared: a run of hours must not hold all of it. */
export class HistoryFollower {
  readonly #history: History;
  readonly #check: HistoryCheck;
  readonly #violations: ViolationLog;
  #pageToken = '';
  /** One page at a time. */
  #turn: Promise<void> = Promise.resolve();

  constructor(history: History, check: ConversationCheck, violations: ViolationLog, media: MediaFiles) {
    this.#history = history;
    this.#check = new HistoryCheck(check, violations, media);
    this.#violations = violations;
  }

  /** Compares one more page, if there is a whole one in which everything up to this sequence has its end. */
  followUpTo(conversationId: string, sequence: number): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      const page = await conversationPage(this.#history, conversationId, this.#pageToken, 0).catch((error: unknown) => {
        // At the end it must be readable; until then it may fail like any other call.
        if (error instanceof Refusal) return undefined;
        throw error;
      });
      const last = page?.messages.at(-1);
      if (page === undefined || page.nextPageToken === '' || last === undefined || last.sequence > sequence) return;
      this.#check.take(page.messages);
      this.#pageToken = page.nextPageToken;
    });
    return this.#turn;
  }

  /** Compares the rest, once history holds this sequence. */
  async finish(conversationId: string, sequence: number): Promise<void> {
    await this.#turn;
    try {
      do {
        const page = await conversationPage(this.#history, conversationId, this.#pageToken, sequence);
        this.#check.take(page.messages);
        this.#pageToken = page.nextPageToken;
      } while (this.#pageToken !== '');
      this.#check.end();
    } catch (error) {
      this.#violations.count('historyDiffers', `${conversationId} cannot be read: ${String(error)}`);
    }
  }
}
