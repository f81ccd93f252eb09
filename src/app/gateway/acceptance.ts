import type { MessageReceived, Part } from '../../domain/conversation/events.ts';
import { Refused } from '../../domain/errors/catalogue.ts';
import { historyWaitMs } from '../../domain/limits.ts';
import type { History, HistoryProgress } from '../../ports/history.ts';
import type { Ids } from '../../ports/ids.ts';
import type { TraceContext } from '../../ports/tracing.ts';
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
  /** The step that taking the message is part of; undefined: not traced. */
  readonly trace?: TraceContext | undefined;
}

/** Whose message it is that is about to be taken, and what is to be remembered of it. */
export interface Claim {
  /** May say, without history being asked, that the message was never said. */
  isCertainlyNew(messageId: string): boolean;
  /** An append of it has failed, and nobody can say yet whether it is in the log all the same. */
  isInDoubt(messageId: string): boolean;
  /** The message is new and will be taken next. May throw to refuse it. */
  reserve(messageId: string): void;
}

/** The parts of a message, or how to make them: media are stored only for a message that is new. */
export type Parts = readonly Part[] | (() => Promise<readonly Part[]>);

interface Recent {
  readonly partition: number;
  readonly accepted: Promise<AcceptedAt>;
  /** Whether its record has come to stand in line for the log: it has not where its parts could not be made. */
  readonly isInLine: Promise<boolean>;
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
   * Decides whether the message is new; `claim.reserve` is called, at most once and just before the message is taken, only if it is. Resolves
   * when that is decided and its record stands in line for the log; `accepted` then when the log has it (or rejects with LogUnavailable, or
   * with what making its parts rejected with).
   */
  async begin(
    speaker: Speaker,
    clientMessageId: string,
    parts: Parts,
    claim: Claim,
  ): Promise<{ readonly accepted: Promise<AcceptedAt> }> {
    const messageId = this.#deps.ids.messageId(speaker.conversationId, clientMessageId);
    for (let recent = this.#recent.get(messageId); recent !== undefined; recent = this.#recent.get(messageId)) {
      if (await recent.isInLine) return { accepted: recent.accepted.then((at) => ({ ...at, duplicate: true })) };
      // Nothing was taken. It may have been said in a session that has ended since, which is no reason to refuse it in the one that goes on.
      if (this.#recent.get(messageId) === recent) this.#recent.delete(messageId);
    }
    const stored = claim.isCertainlyNew(messageId) ? null : await this.#deps.history.getMessage(messageId);
    if (stored !== null) {
      const { sequence, createTimeMs } = stored;
      return { accepted: Promise.resolve({ messageId, sequence, timeMs: createTimeMs, duplicate: true }) };
    }
    claim.reserve(messageId);
    const { clientId, conversationId, timeZone, partition, trace } = speaker;
    const fact = { type: 'MessageReceived', messageId, conversationId, clientId, clientMessageId, timeZone } as const;
    const isInDoubt = claim.isInDoubt(messageId);
    const append = async (whole: readonly Part[]) => {
      const at = await this.#append(partition, { ...fact, parts: whole }, trace);
      return isInDoubt ? this.#firstOf(at, partition) : at;
    };
    if (typeof parts !== 'function')
      return { accepted: this.#remember(messageId, partition, append(parts), Promise.resolve(true)) };
    const made = parts();
    const appended = made.then(append);
    const isInLine = made.then(
      () => true,
      () => false,
    );
    // Known from here on, so that a repeat that overtakes its media is answered as one.
    const accepted = this.#remember(messageId, partition, appended, isInLine);
    // Its place in the log is before what is said next.
    await isInLine;
    return { accepted };
  }

  /** Forgets what history has by now. */
  prune(): void {
    for (const [messageId, { partition, sequence }] of this.#recent) {
      if (sequence === undefined) continue;
      if (sequence < this.#deps.progress.checkpoint(partition)) this.#recent.delete(messageId);
    }
  }

  /** Of a message that may be in the log more than once, the first counts: history knows it, once it has come this far. */
  async #firstOf(at: AcceptedAt, partition: number): Promise<AcceptedAt> {
    const { history, progress } = this.#deps;
    const upTo = new Map([[partition, at.sequence + 1]]);
    const whole = await progress.whole(upTo, historyWaitMs, () => history.getMessage(at.messageId));
    if (whole === null) throw new Refused('HISTORY_BEHIND');
    const first = whole.answer;
    if (first === null || first.sequence === at.sequence) return at;
    return { ...at, sequence: first.sequence, timeMs: first.createTimeMs, duplicate: true };
  }

  #remember(
    messageId: string,
    partition: number,
    accepted: Promise<AcceptedAt>,
    isInLine: Promise<boolean>,
  ): Promise<AcceptedAt> {
    const recent: Recent = { partition, accepted, isInLine, sequence: undefined };
    this.#recent.set(messageId, recent);
    accepted.then(
      ({ sequence }) => {
        recent.sequence = sequence;
      },
      () => {
        if (this.#recent.get(messageId) === recent) this.#recent.delete(messageId);
      },
    );
    return accepted;
  }

  async #append(partition: number, event: MessageReceived, trace: TraceContext | undefined): Promise<AcceptedAt> {
    const [at] = await this.#deps.journal.appendConversation(partition, event.conversationId, [event], trace);
    if (at === undefined) throw new Error('the log answered an append of one record with none');
    return { messageId: event.messageId, sequence: at.offset, timeMs: at.timeMs, duplicate: false };
  }
}
