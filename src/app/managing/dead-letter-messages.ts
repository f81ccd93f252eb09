import type { MessageReceived } from '../../domain/conversation/events.ts';
import { Refused } from '../../domain/errors/catalogue.ts';
import { maxIdLength } from '../../domain/limits.ts';
import type { LogRecord } from '../../ports/event-log.ts';
import type { History, HistoryMessage } from '../../ports/history.ts';
import type { Ids } from '../../ports/ids.ts';
import type { RecordPlace } from '../../ports/operations-views.ts';
import type { Conversations } from '../gateway/conversations.ts';
import type { Journal } from '../journal.ts';

/** Where a replay stands. */
export interface Replayed {
  readonly place: RecordPlace;
  /** '' when it is no message. */
  readonly messageId: string;
  /** Nothing was appended: an earlier one stands there, and has not failed. */
  readonly alreadyReplayed: boolean;
}

interface DeadLetterMessagesDeps {
  readonly journal: Journal;
  readonly history: Pick<History, 'getMessage' | 'getConversation'>;
  readonly conversations: Pick<Conversations, 'partition' | 'partitionWhole' | 'allWhole'>;
  readonly ids: Pick<Ids, 'hash' | 'messageId' | 'unique'>;
}

/** Ends after which a second try may go better. One that the client has stopped is none. */
const replayableEnds: readonly string[] = [
  'POISON',
  'PROVIDER_FAILED',
  'PROVIDER_BUSY',
  'PROVIDER_REFUSED',
  'PROVIDER_ACCESS_DENIED',
  'PROVIDER_MODEL_NOT_FOUND',
  'PROVIDER_TIMEOUT',
];

/** Maximum replays of one message, which also bounds the search for the newest. */
const maxReplays = 100;

/** Replays messages that were given up: each replay is a message of its own, of the same client in the same conversation. */
export class DeadLetterMessages {
  readonly #deps: DeadLetterMessagesDeps;

  constructor(deps: DeadLetterMessagesDeps) {
    this.#deps = deps;
  }

  /**
   * Says the message again, or the newest of its replays where there are any; that one's place, if it has not failed. Throws NOT_FOUND,
   * NOT_REPLAYABLE, HISTORY_BEHIND; rejects with LogUnavailable, LogDamaged, ReadModelUnavailable.
   */
  async replay(messageId: string): Promise<Replayed> {
    const message = await this.#find(messageId);
    const replays = await this.#replaysOf(message);
    const newest = replays.at(-1) ?? message;
    if (!replayableEnds.includes(newest.failureReason)) {
      if (newest !== message)
        return { place: this.placeOf(newest), messageId: newest.messageId, alreadyReplayed: true };
      throw new Refused('NOT_REPLAYABLE', `the message was not given up: ${standing(message)}`);
    }
    if (replays.length >= maxReplays)
      throw new Refused('NOT_REPLAYABLE', `it was replayed ${maxReplays} times, and failed each time`);
    const { record, event } = await this.#recordOf(newest);
    return this.sayAgain(record, event);
  }

  /** The newest replay of a message, as far as history has come; the message itself when there is none. */
  async newestReplay(message: HistoryMessage): Promise<HistoryMessage> {
    return (await this.#replaysOf(message)).at(-1) ?? message;
  }

  /** Where the log has the message. */
  placeOf({ conversationId, sequence }: HistoryMessage): RecordPlace {
    const { journal, conversations } = this.#deps;
    return {
      topic: journal.topics.conversations,
      partition: conversations.partition(conversationId),
      offset: sequence,
    };
  }

  /** Appends what a record says as a new message. Rejects with LogUnavailable; NOT_REPLAYABLE when nothing is left of it. */
  async sayAgain(record: LogRecord, event: MessageReceived): Promise<Replayed> {
    if (event.parts.length === 0) throw new Refused('NOT_REPLAYABLE', 'the words of the message were erased');
    const { journal, ids } = this.#deps;
    const replay: MessageReceived = { ...event, ...this.#replayOf(event) };
    const at = await journal.appendReplay(record, ids.unique(), replay);
    return { place: at, messageId: replay.messageId, alreadyReplayed: false };
  }

  /** The message as it stands by now: a repeat of the call is to find what the first one appended. */
  async #find(messageId: string): Promise<HistoryMessage> {
    if (messageId === '' || messageId.length > maxIdLength) throw notFound();
    const { history, conversations } = this.#deps;
    const look = async () => {
      const found = await history.getMessage(messageId);
      return found === null || (await history.getConversation(found.conversationId)) === null ? null : found;
    };
    const known = await history.getMessage(messageId);
    // An id does not contain its partition: unless history has it, it must have read all partitions.
    const found =
      known === null
        ? await conversations.allWhole(look)
        : await conversations.partitionWhole(conversations.partition(known.conversationId), look);
    if (found === null) throw notFound();
    if (found.role === 'user') return found;
    throw new Refused('NOT_REPLAYABLE', 'it is a reply: only what a client has said is replayed');
  }

  /** The replays of a message and theirs, oldest first: each is found by what it is a replay of. */
  async #replaysOf(message: HistoryMessage): Promise<readonly HistoryMessage[]> {
    const replays: HistoryMessage[] = [];
    for (let last = message; replays.length < maxReplays; ) {
      const next = await this.#deps.history.getMessage(this.#replayOf(last).messageId);
      if (next === null) break;
      replays.push(next);
      last = next;
    }
    return replays;
  }

  #replayOf({ conversationId, clientMessageId }: Pick<MessageReceived, 'conversationId' | 'clientMessageId'>) {
    const { ids } = this.#deps;
    const replayId = replayIdOf(clientMessageId, (text) => ids.hash(text));
    return { messageId: ids.messageId(conversationId, replayId), clientMessageId: replayId };
  }

  /** The content to send again comes from the log, not from history. */
  async #recordOf(message: HistoryMessage): Promise<{ readonly record: LogRecord; readonly event: MessageReceived }> {
    const { topic, partition, offset } = this.placeOf(message);
    const { journal } = this.#deps;
    const [record] = await journal.log.read(topic, partition, offset, 1);
    const decoded = record && journal.decode(record);
    const event = decoded?.kind === 'event' ? decoded.event : undefined;
    if (record === undefined || event?.type !== 'MessageReceived' || event.messageId !== message.messageId)
      throw new Error(`history has message ${message.messageId} at ${topic}/${partition}/${offset}, the log has not`);
    return { record, event };
  }
}

function standing({ status, failureReason }: HistoryMessage): string {
  return failureReason === '' ? `it is ${status}` : `it ended with ${failureReason}`;
}

function notFound(): Refused {
  return new Refused('NOT_FOUND', 'there is no such message');
}

const replayForm = /^(.*)~replay-(\d{1,6})$/su;

/** Characters kept for the longest suffix, so that all replays of one message share what stands before it. */
const maxSuffixLength = '~replay-1000000'.length;

/**
 * The client message id of the replay of the message that has this one: the same whoever asks, and how often. `ada-7` is replayed as
 * `ada-7~replay-1`, and that as `ada-7~replay-2`; what would be too long is cut, and told from others by its hash.
 */
export function replayIdOf(clientMessageId: string, hash: (text: string) => string): string {
  const [, stem = clientMessageId, count = '0'] = replayForm.exec(clientMessageId) ?? [];
  return `${withinLength(stem, maxIdLength - maxSuffixLength, hash)}~replay-${Number(count) + 1}`;
}

function withinLength(stem: string, maxLength: number, hash: (text: string) => string): string {
  if (stem.length <= maxLength) return stem;
  const mark = `~${hash(stem)}`;
  return `${stem.slice(0, maxLength - mark.length).toWellFormed()}${mark}`;
}
