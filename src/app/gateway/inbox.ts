import { Refused } from '../../domain/errors/catalogue.ts';
import type { Clock } from '../../ports/clock.ts';
import { LogUnavailable } from '../../ports/event-log.ts';
import type { Ids } from '../../ports/ids.ts';
import { ReadModelUnavailable } from '../../ports/read-model.ts';
import type { Logger, Metrics } from '../../ports/telemetry.ts';
import type { TraceContext } from '../../ports/tracing.ts';
import type { MediaLibrary } from '../media/media-library.ts';
import type { Acceptance, AcceptedAt, Claim, Speaker } from './acceptance.ts';
import type { Conversations } from './conversations.ts';
import { checkMessage, isTextOnly, type MessageLimits, type OutgoingMessage } from './outgoing-message.ts';
import { refusalOf } from './refusal.ts';
import type { Replies } from './replies.ts';
import type { Accepted } from './session-event.ts';

export interface InboxSettings extends MessageLimits {
  readonly maxPendingPerClient: number;
}

export interface InboxDeps {
  readonly clientId: string;
  readonly timeZone: string;
  readonly acceptance: Acceptance;
  readonly conversations: Pick<Conversations, 'partition'>;
  readonly media: Pick<MediaLibrary, 'take'>;
  readonly replies: Replies;
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

/** Messages of a conversation remembered to know a new one without asking history. */
const maxRememberedMessages = 2_000;

/** What one client says, taken in the order of arrival. */
export class Inbox {
  readonly #deps: InboxDeps;
  #turn: Promise<unknown>;
  /** The conversation that this session began last: only here was anything said in it, so what is not in the set is new. */
  #begun: { readonly conversationId: string; readonly said: Set<string> } | undefined;
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

  /** The session has begun this conversation. */
  began(conversationId: string): void {
    this.#begun = { conversationId, said: new Set() };
  }

  /** Takes a message that arrived at this monotonic time. Resolves when it is in the log; rejects with Refused, and then nothing was taken. */
  async take(message: OutgoingMessage, arrivedMs: number, trace?: TraceContext): Promise<Accepted> {
    const { accepted, at } = await this.#inMediaTurn(message, () => this.#begin(message, arrivedMs, trace));
    const { clientMessageId } = message;
    const { replies, metrics, clock, ids, logger } = this.#deps;
    try {
      const event: Accepted = { type: 'accepted', clientMessageId, conversationId: at, ...(await accepted) };
      replies.acknowledge(event);
      metrics.accepted(clock.monotonicMs() - arrivedMs);
      return event;
    } catch (error) {
      replies.pending.withdraw(ids.messageId(at, clientMessageId), mayBeInLog(error));
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

  async #begin(
    message: OutgoingMessage,
    arrivedMs: number,
    trace: TraceContext | undefined,
  ): Promise<{ readonly accepted: Promise<AcceptedAt>; readonly at: string }> {
    const { acceptance, conversations, replies, media, settings, clientId, timeZone } = this.#deps;
    this.#deps.checkActive();
    const checked = checkMessage(message, settings);
    const { conversationId } = replies;
    if (replies.isDeleted(conversationId)) throw new Refused('NOT_FOUND', 'the conversation was deleted');
    const speaker = { clientId, conversationId, partition: conversations.partition(conversationId), timeZone, trace };
    const isText = isTextOnly(checked);
    // Media that are taken long before they are named may be swept as unused: a process that was frozen meanwhile has lost its slot, too.
    const takeMedia = async () => {
      const taken = await media.take(checked, clientId);
      this.#deps.checkActive();
      return taken;
    };
    const parts = isText ? checked : takeMedia;
    const claim = this.#claim(message.clientMessageId, speaker, arrivedMs);
    const { accepted } = await acceptance.begin(speaker, message.clientMessageId, parts, claim);
    // Media may yet be refused, and then nothing was said.
    if (isText) this.#deps.onSpoken();
    else accepted.then(this.#deps.onSpoken, () => undefined);
    return { accepted, at: conversationId };
  }

  #claim(clientMessageId: string, { conversationId, trace }: Speaker, arrivedMs: number): Claim {
    const { replies, settings } = this.#deps;
    return {
      isInDoubt: (messageId) => replies.pending.isInDoubt(messageId),
      isCertainlyNew: (messageId) => this.#saidIn(conversationId)?.has(messageId) === false,
      reserve: (messageId) => {
        // History was asked meanwhile, and the slot may be gone.
        this.#deps.checkActive();
        if (replies.pending.size >= settings.maxPendingPerClient) {
          throw new Refused('TOO_MANY_PENDING', `${settings.maxPendingPerClient} messages are unanswered`);
        }
        replies.pending.add(messageId, conversationId, clientMessageId, arrivedMs, trace);
        this.#saidIn(conversationId)?.add(messageId);
      },
    };
  }

  /** Every message of a conversation that this session began, as long as that is few; undefined for any other conversation. */
  #saidIn(conversationId: string): Set<string> | undefined {
    if (this.#begun?.conversationId !== conversationId) return undefined;
    if (this.#begun.said.size >= maxRememberedMessages) this.#begun = undefined;
    return this.#begun?.said;
  }
}

/** Whether what failed so may have been written: the log could not say, or history where the first of several stands. */
function mayBeInLog(error: unknown): boolean {
  if (error instanceof LogUnavailable) return error.outcome === 'unknown';
  return error instanceof ReadModelUnavailable || (error instanceof Refused && error.reason === 'HISTORY_BEHIND');
}
