import type { ConversationEvent } from '../../domain/conversation/events.ts';
import { evolve, initialPartition, type PartitionState } from '../../domain/conversation/partition-state.ts';
import { Refused } from '../../domain/errors/catalogue.ts';
import { maxIdLength } from '../../domain/limits.ts';
import type { Clock } from '../../ports/clock.ts';
import type { History, HistoryMessage } from '../../ports/history.ts';
import { type Caller, requireOperator } from '../caller.ts';
import type { Conversations } from '../gateway/conversations.ts';
import type { Journal, JournalEntry } from '../journal.ts';
import { MessageStory, type Step } from './message-story.ts';
import { counted } from './story-words.ts';

export interface ExplanationDeps {
  readonly journal: Journal;
  readonly history: Pick<History, 'getConversation' | 'getMessage'>;
  readonly conversations: Pick<Conversations, 'partition' | 'allWhole'>;
  readonly clock: Pick<Clock, 'nowMs' | 'sleep'>;
  /** Messages of one conversation in processing at once; 0: no limit. */
  readonly maxProcessingPerConversation: number;
}

/** Records read at once: a few milliseconds of folding, then others have their turn. */
const batchRecords = 1_000;

/** Records folded before the message: unanswered messages at its arrival are among them, unless it waited while 10,000 others came. */
const lookBackRecords = 10_000;

/** Records looked through, further back, for the claim in force: a worker may hold a partition for weeks, and its name is worth only so much. */
const claimSearchRecords = 100_000;

/** Records looked through after the end, for what came too late: a stalled worker wakes up within minutes. */
const afterEndRecords = 10_000;

/** Steps of an answer; of more, the first and the last are told. */
const maxSteps = 200;

/**
 * Explains the state of a message from the log. The cost grows with the records between the message and its final event (for a pending one: the end of
 * the log), plus the fixed numbers above: some 0.2 s on a long log, up to a second when a claim is far back.
 */
export class Explanation {
  readonly #deps: ExplanationDeps;

  constructor(deps: ExplanationDeps) {
    this.#deps = deps;
  }

  /**
   * Everything that happened to a message, in log order; of a reply: to the message that it answers. Throws OPERATOR_REQUIRED, NOT_FOUND,
   * HISTORY_BEHIND; rejects with LogUnavailable, LogDamaged, ReadModelUnavailable.
   */
  async explain(caller: Caller, messageId: string): Promise<readonly Step[]> {
    requireOperator(caller);
    const { conversations, journal, clock, maxProcessingPerConversation } = this.#deps;
    const message = await this.#find(messageId);
    const partition = conversations.partition(message.conversationId);
    const from = Math.max(0, message.sequence - lookBackRecords);
    const story = new MessageStory(message, await this.#stateBefore(partition, from), {
      place: `${journal.topics.conversations}/${partition}`,
      maxPerConversation: maxProcessingPerConversation,
    });
    for await (const entry of this.#entries(partition, from)) {
      story.take(entry);
      if (story.deleted) throw notFound();
      if (story.endOffset !== undefined && entry.offset - story.endOffset >= afterEndRecords) break;
    }
    const standing = story.standing(clock.nowMs());
    return withinLimit(standing === undefined ? story.steps : [...story.steps, standing]);
  }

  /** The user message, as far as the log goes now. */
  async #find(messageId: string): Promise<HistoryMessage> {
    if (messageId === '' || messageId.length > maxIdLength) throw notFound();
    // An id does not say where its message is: history must have all partitions.
    const found =
      (await this.#look(messageId)) ?? (await this.#deps.conversations.allWhole(() => this.#look(messageId)));
    if (found === null) throw notFound();
    return found;
  }

  async #look(messageId: string): Promise<HistoryMessage | null> {
    const { history } = this.#deps;
    let found = await history.getMessage(messageId);
    if (found?.role === 'assistant') found = await history.getMessage(found.replyToMessageId);
    return found === null || (await history.getConversation(found.conversationId)) === null ? null : found;
  }

  /** The partition's state before the offset, as far as it is worth knowing: who holds it. */
  async #stateBefore(partition: number, offset: number): Promise<PartitionState> {
    const { journal, clock } = this.#deps;
    const oldest = Math.max(0, offset - claimSearchRecords);
    for (let end = offset; end > oldest; end -= batchRecords) {
      const begin = Math.max(oldest, end - batchRecords);
      const records = await journal.log.read(journal.topics.conversations, partition, begin, end - begin);
      await clock.sleep(0);
      // Claims are nobody's conversation: only they, and their releases, have no key. The others need not be decoded.
      for (const { offset: candidate } of records.filter(({ key }) => key === '').reverse()) {
        const [entry] = await this.#read(partition, candidate, 1);
        if (entry?.decoded.kind === 'event' && entry.decoded.event.type === 'WorkerClaimed')
          return evolve(initialPartition, entry.decoded.event, entry);
      }
    }
    return initialPartition;
  }

  async *#entries(partition: number, from: number): AsyncIterable<JournalEntry<ConversationEvent>> {
    for (let offset = from; ; ) {
      const batch = await this.#read(partition, offset, batchRecords);
      if (batch.length === 0) return;
      yield* batch;
      offset += batch.length;
      // What the log still holds in memory comes without a wait: others would have no turn.
      await this.#deps.clock.sleep(0);
    }
  }

  #read(partition: number, offset: number, maxRecords: number): Promise<readonly JournalEntry<ConversationEvent>[]> {
    const { journal } = this.#deps;
    return journal.read<ConversationEvent>(journal.topics.conversations, partition, offset, maxRecords);
  }
}

function notFound(): Refused {
  return new Refused('NOT_FOUND', 'there is no such message');
}

function withinLimit(steps: readonly Step[]): readonly Step[] {
  if (steps.length <= maxSteps) return steps;
  const first = steps.slice(0, maxSteps / 2);
  const last = steps.slice(steps.length - maxSteps / 2 + 1);
  const left = steps[first.length];
  if (left === undefined) return steps;
  const detail = `and ${counted(steps.length - first.length - last.length, 'more step')} left out here`;
  return [...first, { timeMs: left.timeMs, event: 'More', detail }, ...last];
}
