import type { MessageReceived, Part } from '../../domain/conversation/events.ts';
import type { History, HistoryProgress } from '../../ports/history.ts';
import type { Ids } from '../../ports/ids.ts';
import type { Journal } from '../journal.ts';

/** Where an accepted message stands. */
export interface AcceptedAt {
  readonly messageId: string;
  readonly sequence: number;
  readonly timeMs: number;
  /** It had been accepted before. */
  readonly duplicate: boolean;
}

/** Who says something, where. */
export interface Speaker {
  readonly clientId: string;
  readonly conversationId: string;
  readonly partition: number;
  readonly timeZone: string;
}

interface Recent {
  readonly partition: number;
  readonly accepted: Promise<AcceptedAt>;
  /** undefined until the log has answered. */
  sequence: number | undefined;
}

export interface AcceptanceDeps {
  readonly journal: Journal;
  readonly history: Pick<History, 'getMessage'>;
  readonly progress: HistoryProgress;
  readonly ids: Ids;
}

/**
 * Takes messages into the log, each once: a repeat is told where the first one stands. What was taken lately is remembered until
 * history has it, so between the two no message of this process is unknown.
 */
export class Acceptance {
  readonly #deps: AcceptanceDeps;
  readonly #recent = new Map<string, Recent>();

  constructor(deps: AcceptanceDeps) {
    this.#deps = deps;
  }

  /**
   * Decides whether the message is new; `reserve` is called, at most once and just before the append is made, only if it is, and may throw
   * to refuse it. `isCertainlyNew` may say so without history being asked. Resolves when that is decided; `accepted` then when the log has
   * it (or rejects with LogUnavailable).
   */
  async begin(
    speaker: Speaker,
    clientMessageId: string,
    parts: readonly Part[],
    isCertainlyNew: (messageId: string) => boolean,
    reserve: (messageId: string) => void,
  ): Promise<{ readonly accepted: Promise<AcceptedAt> }> {
    const messageId = this.#deps.ids.messageId(speaker.conversationId, clientMessageId);
    const recent = this.#recent.get(messageId);
    if (recent !== undefined) return { accepted: recent.accepted.then((at) => ({ ...at, duplicate: true })) };
    const stored = isCertainlyNew(messageId) ? null : await this.#deps.history.getMessage(messageId);
    if (stored !== null) {
      const { sequence, createTimeMs } = stored;
      return { accepted: Promise.resolve({ messageId, sequence, timeMs: createTimeMs, duplicate: true }) };
    }
    reserve(messageId);
    const { clientId, conversationId, timeZone, partition } = speaker;
    return {
      accepted: this.#append(partition, {
        type: 'MessageReceived',
        messageId,
        conversationId,
        clientId,
        clientMessageId,
        parts,
        timeZone,
      }),
    };
  }

  /** Forgets what history has by now. */
  prune(): void {
    for (const [messageId, { partition, sequence }] of this.#recent) {
      if (sequence === undefined) continue;
      if (sequence < this.#deps.progress.checkpoint(partition)) this.#recent.delete(messageId);
    }
  }

  #append(partition: number, event: MessageReceived): Promise<AcceptedAt> {
    const { messageId } = event;
    const accepted = this.#appendOne(partition, event);
    const recent: Recent = { partition, accepted, sequence: undefined };
    this.#recent.set(messageId, recent);
    accepted.then(
      ({ sequence }) => {
        recent.sequence = sequence;
      },
      () => this.#recent.delete(messageId),
    );
    return accepted;
  }

  async #appendOne(partition: number, event: MessageReceived): Promise<AcceptedAt> {
    const [at] = await this.#deps.journal.appendConversation(partition, event.conversationId, [event]);
    if (at === undefined) throw new Error('the log answered an append of one record with none');
    return { messageId: event.messageId, sequence: at.offset, timeMs: at.timeMs, duplicate: false };
  }
}
