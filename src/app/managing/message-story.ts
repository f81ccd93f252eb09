import type {
  ConversationEvent,
  MessageReceived,
  ReplyCompleted,
  ReplyFailed,
  ReplyStarted,
  StopRequested,
  WorkerClaimed,
  WorkerReleased,
} from '../../domain/conversation/events.ts';
import { evolve, newlyTold, type PartitionState, pendingMessage } from '../../domain/conversation/partition-state.ts';
import type { PendingMessage } from '../../domain/conversation/pending-messages.ts';
import { maxLostWorkers } from '../../domain/limits.ts';
import type { JournalEntry } from '../journal.ts';
import { contentsInWords, counted, timeInWords, usageInWords } from './story-words.ts';
import { aheadOf, lineInWords, Waiting } from './waiting.ts';

/** Something that happened to a message, for a person to read. */
export interface Step {
  /** The log's time. */
  readonly timeMs: number;
  readonly event: string;
  /** No content. */
  readonly detail: string;
}

export interface StorySettings {
  /** Where the partition is, for a person: `parley.conversations/3`. */
  readonly place: string;
  /** Messages of one conversation in processing at once; 0: no limit. */
  readonly maxPerConversation: number;
}

/** The message, as its partition has it. */
export interface StoryMessage {
  readonly messageId: string;
  readonly conversationId: string;
  readonly clientId: string;
  readonly sequence: number;
}

/** The current record's place. */
interface At {
  readonly offset: number;
  readonly timeMs: number;
}

/**
 * The steps of one message: a fold over its partition, from some place before it on. The domain's fold decides what counts; events that do not count are
 * listed, too, with the reason.
 */
export class MessageStory {
  readonly #message: StoryMessage;
  readonly #settings: StorySettings;
  readonly #steps: Step[] = [];
  readonly #workers = new Map<string, string>();
  #state: PartitionState;
  #waiting: Waiting | undefined;
  #receivedAtMs = 0;
  #attemptAtMs = 0;
  #endOffset: number | undefined;
  #deleted = false;

  /** `state`: of the partition before the first record that will be taken. */
  constructor(message: StoryMessage, state: PartitionState, settings: StorySettings) {
    this.#message = message;
    this.#state = state;
    this.#settings = settings;
    this.#workers.set(state.claimId, state.workerId);
  }

  get steps(): readonly Step[] {
    return this.#steps;
  }

  /** The offset of the event that ended it; undefined before. */
  get endOffset(): number | undefined {
    return this.#endOffset;
  }

  /** Its conversation was deleted. */
  get deleted(): boolean {
    return this.#deleted;
  }

  /** One more record of the partition, in order. */
  take({ offset, timeMs, decoded }: JournalEntry<ConversationEvent>): void {
    if (decoded.kind !== 'event') return;
    const before = this.#state;
    this.#state = evolve(before, decoded.event, { offset, timeMs });
    if (offset < this.#message.sequence) return this.#learn(decoded.event);
    this.#waiting?.until(before, timeMs);
    this.#tell(decoded.event, before, { offset, timeMs });
    this.#learn(decoded.event);
    this.#waiting ??= this.#begunToWait(timeMs);
  }

  /** How it stands now, when it has no end yet. */
  standing(nowMs: number): Step | undefined {
    const message = pendingMessage(this.#state, this.#message.messageId);
    if (message === undefined) return undefined;
    this.#waiting?.until(this.#state, nowMs);
    const stop = message.stopRequested ? '; a stop was asked for' : '';
    return { timeMs: nowMs, event: 'Now', detail: `${this.#standing(message, nowMs)}${stop}` };
  }

  #standing(message: PendingMessage, nowMs: number): string {
    const attempt = `attempt ${message.attempt} by ${this.#worker(message.claimId)}`;
    if (message.released) return `waiting for a worker: ${attempt} was given up with the partition`;
    if (message.processing) {
      const draft = message.draft.bytes > 0 ? `; the log has ${message.draft.bytes} bytes of its draft` : '';
      return `${attempt} has been under way for ${timeInWords(Math.max(0, nowMs - this.#attemptAtMs))}${draft}`;
    }
    return `waiting; until now ${this.#waiting?.inWords() ?? 'no time'}; ${lineInWords(this.#state, aheadOf(this.#state, message))}`;
  }

  #learn(event: ConversationEvent): void {
    if (event.type === 'WorkerClaimed') this.#workers.set(event.claimId, event.workerId);
  }

  #tell(event: ConversationEvent, before: PartitionState, at: At): void {
    if (event.type === 'WorkerClaimed') return this.#claimed(event, before, at);
    if (event.type === 'WorkerReleased') return this.#released(event, before, at);
    if (event.type === 'ConversationDeleted') {
      if (event.conversationId === this.#message.conversationId) this.#deleted = true;
      return;
    }
    if (!('messageId' in event) || event.messageId !== this.#message.messageId) return;
    // One per second: the length of the draft is shown where it matters.
    if (event.type === 'ReplyProgress') return;
    if (this.#state === before) return this.#add(at, event, `did not count: ${this.#whyNot(event, before)}`);
    switch (event.type) {
      case 'MessageReceived':
        return this.#received(event, at);
      case 'ReplyStarted':
        return this.#started(event, before, at);
      case 'StopRequested':
        return this.#add(at, event, 'the client wants no answer, or no more of it');
      case 'ReplyCompleted':
      case 'ReplyFailed':
        return this.#ended(event, before, at);
      default:
        return event satisfies never;
    }
  }

  #received(event: MessageReceived, at: At): void {
    this.#receivedAtMs = at.timeMs;
    const { clientId, conversationId, parts } = event;
    const line = lineInWords(this.#state, aheadOf(this.#state, this.#message));
    this.#add(
      at,
      event,
      `${contentsInWords(parts)} from client ${clientId} in conversation ${conversationId}, at offset ${at.offset} of ${this.#settings.place}; ${line}`,
    );
  }

  #started(event: ReplyStarted, before: PartitionState, at: At): void {
    const message = pendingMessage(before, event.messageId);
    const attempt = `attempt ${event.attempt} by ${this.#worker(event.claimId)}`;
    const why = message?.processing
      ? `attempt ${message.attempt} had ended without a reply; ${timeInWords(at.timeMs - this.#attemptAtMs)} after it began`
      : `the message had waited ${this.#waiting?.inWords() ?? 'no time'}`;
    this.#waiting = undefined;
    this.#attemptAtMs = at.timeMs;
    const continued = pendingMessage(this.#state, event.messageId)?.continuedBytes ?? 0;
    const from = continued > 0 ? `, going on from the ${continued} bytes that the log had of its draft` : '';
    this.#add(at, event, `${attempt}${from}; ${why}${usedBefore(event, message)}`);
  }

  #claimed(event: WorkerClaimed, before: PartitionState, at: At): void {
    const message = pendingMessage(before, this.#message.messageId);
    if (message === undefined || this.#state === before) return;
    const anew = event.workerId === before.workerId;
    const claimed = `worker ${event.workerId} ${anew ? 'claimed the partition anew' : 'took the partition over'}`;
    if (!message.processing) return this.#add(at, event, `${claimed}; the message was still waiting`);
    if (message.released) return this.#add(at, event, `${claimed}, which the one before had given up`);
    const lost = anew ? 'what it had under way is lost' : `${this.#worker(before.claimId)} was lost`;
    const attempt = `attempt ${message.attempt}, begun ${timeInWords(at.timeMs - this.#attemptAtMs)} before, is void`;
    const count = `it is given up after ${maxLostWorkers} lost workers, this was number ${message.lostClaims.length + 1}`;
    this.#add(at, event, `${claimed}: ${lost}, and ${attempt}; ${count}`);
  }

  #released(event: WorkerReleased, before: PartitionState, at: At): void {
    const message = pendingMessage(before, this.#message.messageId);
    if (message === undefined) return;
    const worker = `worker ${event.workerId}`;
    if (message.lostClaims.includes(event.claimId))
      return this.#add(at, event, `${worker} had given the partition up: it was not lost, and does not count as such`);
    if (!message.processing || message.released || message.claimId !== event.claimId) return;
    const attempt = `attempt ${message.attempt}, begun ${timeInWords(at.timeMs - this.#attemptAtMs)} before, is void`;
    this.#add(at, event, `${worker} gave the partition up: ${attempt}; this does not count as a lost worker`);
  }

  #ended(event: ReplyCompleted | ReplyFailed, before: PartitionState, at: At): void {
    this.#endOffset = at.offset;
    const used = usedBefore(event, pendingMessage(before, event.messageId));
    const total = timeInWords(at.timeMs - this.#receivedAtMs);
    const attempts = event.attempt === 0 ? 'no attempt was begun' : `after ${counted(event.attempt, 'attempt')}`;
    if (event.type === 'ReplyFailed') {
      const end = event.reason === 'STOPPED' ? 'stopped before there was an answer' : `given up: ${event.reason}`;
      const detail = event.detail === '' ? '' : ` (${event.detail})`;
      const cause = event.cause === undefined ? '' : `; cause: ${event.cause}`;
      this.#waiting = undefined;
      return this.#add(at, event, `${end}${detail}${cause}; ${attempts}, ${total} after it was received${used}`);
    }
    const end = event.incomplete ? 'without its end: ' : '';
    const how = event.outcome === 'stopped' ? 'stopped; what was said until then is kept: ' : end;
    const said = `${contentsInWords(event.parts)} by model ${event.model} at ${this.#worker(event.claimId)}`;
    // A lost worker's text that a stop kept has an attempt number of its own.
    const isKept = event.outcome === 'stopped' && pendingMessage(before, event.messageId)?.processing === false;
    const attempt = isKept
      ? 'no attempt was begun since'
      : `attempt ${event.attempt} took ${timeInWords(at.timeMs - this.#attemptAtMs)}`;
    this.#add(at, event, `${how}${said}; ${attempt}, ${total} after it was received${used}`);
  }

  /** Why an event about the message changed nothing. */
  #whyNot(
    event: MessageReceived | ReplyStarted | ReplyCompleted | ReplyFailed | StopRequested,
    before: PartitionState,
  ) {
    if (event.type === 'MessageReceived') return `a repeat of what stands at offset ${this.#message.sequence}`;
    const isReply = event.type !== 'StopRequested';
    if (isReply && before.claimId !== '' && event.claimId !== before.claimId) {
      const current = this.#worker(before.claimId);
      return `${this.#worker(event.claimId)} said it when ${current} had taken the partition over`;
    }
    if (this.#endOffset !== undefined) return `the message had ended at offset ${this.#endOffset}`;
    return event.type === 'ReplyStarted' ? `a repeat of attempt ${event.attempt}` : 'a repeat';
  }

  /** Whenever it is pending and no worker has begun it. */
  #begunToWait(timeMs: number): Waiting | undefined {
    const message = pendingMessage(this.#state, this.#message.messageId);
    if (message === undefined || message.processing) return undefined;
    return new Waiting(this.#message, this.#settings.maxPerConversation, timeMs);
  }

  #worker(claimId: string): string {
    const workerId = this.#workers.get(claimId);
    return workerId === undefined || workerId === ''
      ? 'a worker whose claim is not known any more'
      : `worker ${workerId}`;
  }

  #add({ timeMs }: At, { type }: ConversationEvent, detail: string): void {
    this.#steps.push({ timeMs, event: type, detail });
  }
}

/** What the event is the first to tell of: attempts that have ended before it, or by it. */
function usedBefore(event: ReplyStarted | ReplyCompleted | ReplyFailed, before: PendingMessage | undefined): string {
  const told = before === undefined ? [] : newlyTold(before, event);
  return told.map((usage) => `; ${usageInWords(usage)}`).join('');
}
