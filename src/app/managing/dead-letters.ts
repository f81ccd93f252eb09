import type { History, HistoryMessage } from '../../ports/history.ts';
import type { Ids } from '../../ports/ids.ts';
import type { DeadLetterItem, OperationsViews, RecordPlace } from '../../ports/operations-views.ts';
import { type Caller, requireOperator } from '../caller.ts';
import type { Conversations } from '../gateway/conversations.ts';
import type { Journal } from '../journal.ts';
import type { PageArguments, ReadPage } from '../reading/history-reads.ts';
import { effectivePageSize, pageToken, placeOfToken } from '../reading/page.ts';
import { operatorOf, type SecurityRecorder } from '../security/security-recorder.ts';
import { DeadLetterMessages, type Replayed } from './dead-letter-messages.ts';
import { DeadLetterRecords } from './dead-letter-records.ts';

export interface DeadLettersDeps {
  readonly journal: Journal;
  readonly history: Pick<History, 'getMessage' | 'getConversation'>;
  readonly views: Pick<OperationsViews, 'listParked' | 'deadLetterRecord'>;
  readonly conversations: Pick<Conversations, 'partition' | 'partitionWhole' | 'allWhole'>;
  readonly ids: Pick<Ids, 'hash' | 'messageId' | 'unique'>;
  readonly security: Pick<SecurityRecorder, 'record'>;
}

/** A dead letter for operators, without content. */
export interface DeadLetter {
  readonly kind: DeadLetterItem['kind'];
  readonly place: RecordPlace;
  /** When the log took the record; of a message, when it was given up. */
  readonly timeMs: number;
  readonly reason: string;
  /** '' of a record. */
  readonly messageId: string;
  /** '' of a record. */
  readonly conversationId: string;
  /** Its newest replay; undefined: there is none. `messageId` is '' of a record. */
  readonly replay: { readonly timeMs: number; readonly messageId: string } | undefined;
}

/** What to replay. */
export type ReplayWish =
  | { readonly kind: 'record'; readonly place: RecordPlace }
  | { readonly kind: 'message'; readonly messageId: string };

/** Lists and replays dead letters. */
export class DeadLetters {
  readonly #deps: DeadLettersDeps;
  readonly #messages: DeadLetterMessages;
  readonly #records: DeadLetterRecords;
  #last: Promise<unknown> = Promise.resolve();

  constructor(deps: DeadLettersDeps) {
    this.#deps = deps;
    this.#messages = new DeadLetterMessages(deps);
    this.#records = new DeadLetterRecords({ ...deps, messages: this.#messages });
  }

  /** Newest first. Throws OPERATOR_REQUIRED, PAGE_TOKEN_INVALID; rejects with ReadModelUnavailable. */
  async list(caller: Caller, page: PageArguments): Promise<ReadPage<DeadLetter>> {
    requireOperator(caller);
    const list = 'parked';
    const { topics } = this.#deps.journal;
    const { items, next } = await this.#deps.views.listParked([topics.conversations, topics.connections], {
      after: placeOfToken(list, page.pageToken),
      limit: effectivePageSize(page.pageSize),
    });
    return {
      items: await Promise.all(items.map((item) => this.#deadLetter(item))),
      nextPageToken: pageToken(list, next),
    };
  }

  /**
   * Appends what was put aside once more; doing it again finds it there, unless it has failed since. Throws OPERATOR_REQUIRED, NOT_FOUND,
   * NOT_REPLAYABLE, STILL_UNDECODABLE, HISTORY_BEHIND; rejects with LogUnavailable, LogDamaged, ReadModelUnavailable.
   */
  async replay(caller: Caller, wish: ReplayWish): Promise<Replayed> {
    requireOperator(caller);
    const replay = () =>
      wish.kind === 'message' ? this.#messages.replay(wish.messageId) : this.#records.replay(wish.place);
    // One after the other: what one appended, the next one finds. Of two servers both may append it, and folds ignore the second.
    const replayed = this.#last.then(replay, replay);
    this.#last = replayed;
    const { place, alreadyReplayed } = await replayed;
    const detail = `${place.topic}/${place.partition}/${place.offset}`;
    if (!alreadyReplayed)
      await this.#deps.security.record({ kind: 'dead_letter_replayed', ...operatorOf(caller), detail });
    return replayed;
  }

  async #deadLetter(item: DeadLetterItem): Promise<DeadLetter> {
    if (item.kind === 'poison') return this.#givenUp(item.message);
    const { topic, partition, offset, timeMs, reason, replay } = item.record;
    return {
      kind: 'undecodable',
      place: { topic, partition, offset },
      timeMs,
      reason,
      messageId: '',
      conversationId: '',
      replay: replay && { timeMs: replay.timeMs, messageId: '' },
    };
  }

  async #givenUp(message: HistoryMessage): Promise<DeadLetter> {
    const { messageId, conversationId, createTimeMs, completeTimeMs, failureReason, failureDetail } = message;
    const newest = await this.#messages.newestReplay(message);
    return {
      kind: 'poison',
      place: this.#messages.placeOf(message),
      timeMs: completeTimeMs ?? createTimeMs,
      reason: failureDetail === '' ? failureReason : failureDetail,
      messageId,
      conversationId,
      replay: newest === message ? undefined : { timeMs: newest.createTimeMs, messageId: newest.messageId },
    };
  }
}
