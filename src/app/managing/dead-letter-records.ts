import type { ConversationEvent } from '../../domain/conversation/events.ts';
import { Refused } from '../../domain/errors/catalogue.ts';
import type { ParleyEvent } from '../../ports/event-codec.ts';
import type { LogRecord } from '../../ports/event-log.ts';
import type { History } from '../../ports/history.ts';
import type { Ids } from '../../ports/ids.ts';
import type { OperationsViews, RecordPlace } from '../../ports/operations-views.ts';
import type { Conversations } from '../gateway/conversations.ts';
import { type Journal, nameOfPlace } from '../journal.ts';
import type { DeadLetterMessages, Replayed } from './dead-letter-messages.ts';

export interface DeadLetterRecordsDeps {
  readonly journal: Journal;
  readonly history: Pick<History, 'getMessage'>;
  readonly views: Pick<OperationsViews, 'deadLetterRecord'>;
  readonly conversations: Pick<Conversations, 'partition' | 'partitionWhole'>;
  readonly ids: Pick<Ids, 'unique'>;
  readonly messages: DeadLetterMessages;
}

/**
 * Events that may be appended again at any time. Events of gateways and workers are bound to their time: connections are gone, and a replayed claim
 * would take the partition from its worker.
 */
const replayableTypes = [
  'ConversationStarted',
  'MessageReceived',
  'StopRequested',
  'ConversationRenamed',
  'ConversationDeleted',
] as const satisfies readonly ConversationEvent['type'][];

type Replayable = Extract<ConversationEvent, { readonly type: (typeof replayableTypes)[number] }>;

/** Replays records that could not be decoded when they were met, and can be now. */
export class DeadLetterRecords {
  readonly #deps: DeadLetterRecordsDeps;

  constructor(deps: DeadLetterRecordsDeps) {
    this.#deps = deps;
  }

  /**
   * Appends the record again. Throws NOT_FOUND unless it is parked, STILL_UNDECODABLE, NOT_REPLAYABLE, HISTORY_BEHIND; rejects with
   * LogUnavailable, LogDamaged, ReadModelUnavailable.
   */
  async replay(place: RecordPlace): Promise<Replayed> {
    const { views, journal, ids } = this.#deps;
    const parked = await this.#whole(place, () => views.deadLetterRecord(place));
    if (parked === null) throw new Refused('NOT_FOUND', 'no record is parked there');
    if (parked.replay !== undefined) return this.#already({ ...place, offset: parked.replay.offset });
    const record = await this.#read(place);
    const event = this.#replayable(record);
    if (event.type === 'MessageReceived') {
      const said = await this.#whole(place, () => this.#deps.history.getMessage(event.messageId));
      // History was rebuilt since an upgrade, and has it at its own place, which no worker reads: as this message it would be a repeat.
      if (said?.sequence === place.offset) return this.#deps.messages.sayAgain(record, event);
      if (said !== null)
        return { place: { ...place, offset: said.sequence }, messageId: said.messageId, alreadyReplayed: true };
    }
    const at = await journal.appendReplay(record, ids.unique());
    return { place: at, messageId: messageIdOf(event), alreadyReplayed: false };
  }

  /** So that a repeat of the call finds what the first one appended. */
  #whole<T>({ topic, partition }: RecordPlace, ask: () => Promise<T>): Promise<T> {
    const { journal, conversations } = this.#deps;
    const hasPartition =
      topic === journal.topics.conversations && partition >= 0 && partition < journal.log.partitions(topic);
    return hasPartition ? conversations.partitionWhole(partition, ask) : ask();
  }

  async #already(place: RecordPlace): Promise<Replayed> {
    const decoded = this.#deps.journal.decode(await this.#read(place));
    const messageId = decoded.kind === 'event' ? messageIdOf(decoded.event) : '';
    return { place, messageId, alreadyReplayed: true };
  }

  async #read({ topic, partition, offset }: RecordPlace): Promise<LogRecord> {
    const [record] = await this.#deps.journal.log.read(topic, partition, offset, 1);
    if (record?.offset === offset) return record;
    throw new Error(`the log has no record at ${nameOfPlace({ topic, partition, offset })}`);
  }

  #replayable(record: LogRecord): Replayable {
    const { journal, conversations } = this.#deps;
    const decoded = journal.decode(record);
    if (decoded.kind === 'undecodable') throw new Refused('STILL_UNDECODABLE', `still undecodable: ${decoded.reason}`);
    if (decoded.kind === 'unknown')
      throw new Refused('STILL_UNDECODABLE', `this release does not know records of type ${decoded.type}`);
    const { event } = decoded;
    if (!isReplayable(event))
      throw new Refused('NOT_REPLAYABLE', `a ${event.type} is about the moment at which it was written`);
    const { conversationId } = event;
    if (conversationId !== record.key || conversations.partition(conversationId) !== record.partition)
      throw new Refused('NOT_REPLAYABLE', 'the record does not stand where its conversation is');
    return event;
  }
}

function isReplayable(event: ParleyEvent): event is Replayable {
  return replayableTypes.some((type) => type === event.type);
}

function messageIdOf(event: ParleyEvent): string {
  return event.type === 'MessageReceived' ? event.messageId : '';
}
