import type { Part } from '../../domain/conversation/events.ts';
import { Refused } from '../../domain/errors/catalogue.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Ids } from '../../ports/ids.ts';
import type { Logger, Metrics } from '../../ports/telemetry.ts';
import type { TraceContext } from '../../ports/tracing.ts';
import type { Following } from '../following/following.ts';
import type { Journal } from '../journal.ts';
import type { MediaLibrary } from '../media/media-library.ts';
import type { ClientWrites } from '../rate-limits/client-writes.ts';
import type { HistoryQuota } from '../rate-limits/history-quota.ts';
import type { Delivery } from './delivery.ts';
import {
  type CheckedPart,
  checkMessage,
  isTextOnly,
  type MessageLimits,
  type OutgoingMessage,
} from './outgoing-message.ts';
import { refusalOf } from './refusal.ts';
import type { SaidAt, SessionConversations } from './session-conversations.ts';
import type { Accepted } from './session-event.ts';

export interface InboxSettings extends MessageLimits {
  readonly maxPendingPerClient: number;
}

export interface InboxDeps {
  readonly clientId: string;
  readonly timeZone: string;
  readonly journal: Journal;
  readonly following: Following;
  readonly conversations: Pick<SessionConversations, 'isDeleted' | 'said'>;
  readonly media: Pick<MediaLibrary, 'take'>;
  readonly delivery: Delivery;
  readonly writes: Pick<ClientWrites, 'takeMessage'>;
  readonly historyQuota: Pick<HistoryQuota, 'check'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly settings: InboxSettings;
  /** Throws when the session takes nothing now. */
  readonly checkActive: () => void;
  /** The client has said something that counts. */
  readonly onSpoken: () => void;
}

/** What one client says, taken in the order of arrival. */
export class Inbox {
  readonly #deps: InboxDeps;
  #turn: Promise<unknown>;
  /** Messages with media that have not had their turn, or whose media are being stored. */
  #mediaUnderWay = 0;

  /** Takes nothing before `ready`; rejects everything with what that rejects with. */
  constructor(deps: InboxDeps, ready: Promise<void>) {
    this.#deps = deps;
    this.#turn = ready;
  }

  /** Runs a step after all that came before it has begun. */
  inTurn<T>(step: () => Promise<T>): Promise<T> {
    const run = this.#turn.then(step);
    this.#turn = run.catch(() => undefined);
    return run;
  }

  /** Takes a message that arrived at this monotonic time. Resolves when the client was told that it is in the log; rejects with Refused. */
  async take(message: OutgoingMessage, arrivedMs: number, trace?: TraceContext): Promise<Accepted> {
    const { metrics, clock, logger } = this.#deps;
    const { accepted } = await this.#inMediaTurn(message, () => this.#begin(message, arrivedMs, trace));
    try {
      const event = await accepted;
      metrics.accepted(clock.monotonicMs() - arrivedMs);
      return event;
    } catch (error) {
      throw refusalOf(error, logger);
    }
  }

  /** In turn; messages with media are bounded, because each holds its bytes until then. */
  async #inMediaTurn<T>(message: OutgoingMessage, step: () => Promise<T>): Promise<T> {
    if (isTextOnly(message.parts)) return this.inTurn(step);
    const { maxPendingPerClient } = this.#deps.settings;
    if (this.#mediaUnderWay >= maxPendingPerClient)
      throw new Refused('TOO_MANY_PENDING', `${maxPendingPerClient} messages with media are on their way`);
    this.#mediaUnderWay += 1;
    try {
      return await this.inTurn(step);
    } finally {
      this.#mediaUnderWay -= 1;
    }
  }

  /** Resolves when the message's place in the log is before that of what is said next. */
  async #begin(
    message: OutgoingMessage,
    arrivedMs: number,
    trace: TraceContext | undefined,
  ): Promise<{ readonly accepted: Promise<Accepted> }> {
    const { conversations, delivery, settings, ids } = this.#deps;
    this.#deps.checkActive();
    const checked = checkMessage(message, settings);
    const { clientMessageId } = message;
    const { conversationId } = delivery;
    if (conversations.isDeleted(conversationId)) throw new Refused('NOT_FOUND', 'the conversation was deleted');
    const messageId = ids.messageId(conversationId, clientMessageId);
    const first = delivery.awaited(messageId) ?? (await this.#saidBefore(conversationId, messageId));
    if (first !== undefined) {
      this.#deps.onSpoken();
      return { accepted: Promise.resolve(first).then((at) => delivery.repeat(messageId, clientMessageId, at)) };
    }
    await this.#checkHistory(checked);
    // History may have been asked meanwhile, and the slot be gone.
    this.#deps.checkActive();
    if (delivery.unanswered >= settings.maxPendingPerClient)
      throw new Refused('TOO_MANY_PENDING', `${settings.maxPendingPerClient} messages are unanswered`);
    this.#deps.writes.takeMessage(this.#deps.clientId);
    const accepted = delivery.await(messageId, clientMessageId, arrivedMs, trace);
    if (isTextOnly(checked)) {
      this.#append(conversationId, messageId, clientMessageId, checked, trace);
      // Media may yet be refused, and then nothing was said.
      this.#deps.onSpoken();
      return { accepted };
    }
    try {
      const parts = await this.#takeMedia(checked);
      this.#append(conversationId, messageId, clientMessageId, parts, trace);
      accepted.then(this.#deps.onSpoken, () => undefined);
    } catch (error) {
      delivery.withdraw(messageId, error);
    }
    return { accepted };
  }

  async #checkHistory(checked: readonly CheckedPart[]): Promise<void> {
    const { historyQuota, clientId, logger } = this.#deps;
    const words = checked.filter((part) => part.kind === 'text');
    try {
      await historyQuota.check(clientId, words);
    } catch (error) {
      throw refusalOf(error, logger);
    }
  }

  async #saidBefore(conversationId: string, messageId: string): Promise<SaidAt | undefined> {
    try {
      return await this.#deps.conversations.said(conversationId, messageId);
    } catch (error) {
      throw refusalOf(error, this.#deps.logger);
    }
  }

  /** Media that are taken long before they are named may be swept as unused: a process that was frozen meanwhile has lost its slot, too. */
  async #takeMedia(checked: readonly CheckedPart[]): Promise<readonly Part[]> {
    const taken = await this.#deps.media.take(checked, this.#deps.clientId);
    this.#deps.checkActive();
    return taken;
  }

  /** What comes of it is read in the log, whatever the append's caller is told. */
  #append(
    conversationId: string,
    messageId: string,
    clientMessageId: string,
    parts: readonly Part[],
    trace: TraceContext | undefined,
  ): void {
    const { journal, following, delivery, clientId, timeZone } = this.#deps;
    const said = { messageId, conversationId, clientId, clientMessageId, timeZone, parts };
    const partition = following.partitionOf(conversationId);
    journal
      .appendConversation(partition, conversationId, [{ type: 'MessageReceived', ...said }], trace)
      // A log that takes and does not give keeps nobody waiting for ever.
      .then(([at]) => at && following.folded(partition, at.offset + 1))
      .catch((error: unknown) => delivery.withdraw(messageId, error));
  }
}
