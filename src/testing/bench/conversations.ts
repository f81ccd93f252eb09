import { nodeCryptoIds as ids } from '../../adapters/node/node-crypto-ids.ts';
import {
  type AttemptUsage,
  type ConversationEvent,
  type MessageReceived,
  textOf,
} from '../../domain/conversation/events.ts';

/** What is said in each message, and by whom it is answered. */
export interface Said {
  readonly text: string;
  readonly reply: string;
  readonly model: string;
  /** Of the nth message of a conversation, from 0. */
  readonly clientMessageId: (nth: number) => string;
}

/** An event, and the partition it belongs to. */
export interface Placed {
  readonly partition: number;
  readonly event: ConversationEvent;
}

/** How much goes on at once. */
export interface SteadyTraffic {
  readonly open: number;
  readonly messagesOfEach: number;
  readonly underWay: number;
  /** ReplyProgress of each reply. */
  readonly drafts: number;
}

interface Conversation {
  readonly conversationId: string;
  readonly clientId: string;
  readonly partition: number;
  messages: number;
}

/** Conversations of many clients as gateways and workers append them, with ids of the length that they have. */
export class BenchConversations {
  readonly #partitions: number;
  readonly #said: Said;
  readonly #claims: readonly string[];
  #clients = 0;

  constructor(partitions: number, said: Said) {
    this.#partitions = partitions;
    this.#said = said;
    this.#claims = Array.from({ length: partitions }, () => ids.unique());
  }

  /** What is appended before all else: a worker for each partition. */
  *claims(): Generator<Placed> {
    for (const [partition, claimId] of this.#claims.entries())
      yield {
        partition,
        event: { type: 'WorkerClaimed', partition, workerId: ids.unique(), claimId, maxProcessing: 50 },
      };
  }

  /** So many new conversations, each with so many messages, of which none is answered. */
  *unanswered(conversations: number, messagesOfEach: number): Generator<Placed> {
    for (let count = 0; count < conversations; count += 1) {
      const conversation = this.#begin();
      yield started(conversation);
      while (conversation.messages < messagesOfEach) yield placed(conversation, this.#received(conversation));
    }
  }

  /** A new conversation of so many messages, each answered before the next. */
  *answered(messages: number, clientId?: string): Generator<Placed> {
    const conversation = this.#begin(clientId);
    yield started(conversation);
    while (conversation.messages < messages) {
      const message = this.#received(conversation);
      yield placed(conversation, message);
      yield this.#replyStarted(conversation, message);
      yield this.#replyCompleted(conversation, message);
    }
  }

  /**
   * So many messages, in turn in each of `open` conversations, which give way to new ones after `messagesOfEach`. A reply is complete when so many
   * more messages have come as are `underWay`; until then it has so many `drafts`.
   */
  *steady(messages: number, { open, messagesOfEach, underWay, drafts }: SteadyTraffic): Generator<Placed> {
    /** What follows by itself, by the number of messages that have come. */
    const due = new Map<number, Placed[]>();
    const conversations: Conversation[] = [];
    for (let count = 0; count < messages; count += 1) {
      let conversation = conversations[count % open];
      if (conversation === undefined || conversation.messages >= messagesOfEach) {
        const hasSaid = conversation === undefined ? count % messagesOfEach : 0;
        conversation = { ...this.#begin(), messages: hasSaid };
        conversations[count % open] = conversation;
        yield started(conversation);
      }
      const message = this.#received(conversation);
      yield placed(conversation, message);
      yield this.#replyStarted(conversation, message);
      const steps = [...this.#drafts(conversation, message, drafts), this.#replyCompleted(conversation, message)];
      for (const [index, step] of steps.entries()) {
        const at = count + Math.round((underWay * (index + 1)) / steps.length);
        due.set(at, [...(due.get(at) ?? []), step]);
      }
      yield* due.get(count) ?? [];
      due.delete(count);
    }
    for (let count = messages; count < messages + underWay; count += 1) yield* due.get(count) ?? [];
  }

  #begin(clientId = `alice-${1_000_000 + ++this.#clients}@example.org`): Conversation {
    const conversationId = ids.unique();
    return { conversationId, clientId, partition: ids.partition(conversationId, this.#partitions), messages: 0 };
  }

  #received(conversation: Conversation): MessageReceived {
    const { conversationId, clientId } = conversation;
    const clientMessageId = this.#said.clientMessageId(conversation.messages);
    conversation.messages += 1;
    const messageId = ids.messageId(conversationId, clientMessageId);
    const parts = [{ kind: 'text', text: this.#said.text }] as const;
    const timeZone = 'Europe/Lisbon';
    return { type: 'MessageReceived', messageId, conversationId, clientId, clientMessageId, parts, timeZone };
  }

  #replyStarted({ partition }: Conversation, message: MessageReceived): Placed {
    return { partition, event: { type: 'ReplyStarted', ...this.#attempt(partition, message), continuedBytes: 0 } };
  }

  /** Equal stretches of the reply, all but the last. */
  *#drafts({ partition }: Conversation, message: MessageReceived, drafts: number): Generator<Placed> {
    const { reply } = this.#said;
    const bytes = Math.floor(reply.length / (drafts + 1));
    for (let offsetBytes = 0; offsetBytes < drafts * bytes; offsetBytes += bytes) {
      const text = reply.slice(offsetBytes, offsetBytes + bytes);
      yield { partition, event: { type: 'ReplyProgress', ...this.#attempt(partition, message), offsetBytes, text } };
    }
  }

  #replyCompleted({ partition }: Conversation, message: MessageReceived): Placed {
    const { reply, model } = this.#said;
    const ended = [usageOf(message, reply, model)];
    const said = { parts: [{ kind: 'text', text: reply }], model, outcome: 'completed', ended } as const;
    return { partition, event: { type: 'ReplyCompleted', ...this.#attempt(partition, message), ...said } };
  }

  #attempt(partition: number, { conversationId, messageId }: MessageReceived) {
    const claimId = this.#claims[partition] ?? '';
    return { conversationId, messageId, replyMessageId: ids.replyMessageId(messageId), attempt: 1, claimId };
  }
}

/** As `simulated` tells it. */
function usageOf({ parts }: MessageReceived, reply: string, model: string): AttemptUsage {
  return {
    attempt: 1,
    end: 'completed',
    provider: 'simulated',
    model,
    inputTokens: Math.ceil(textOf(parts).length / 4),
    cachedInputTokens: 0,
    outputTokens: Math.ceil(reply.length / 4),
    reasoningTokens: 0,
    soundInMs: 0,
    soundOutMs: 0,
    picturesIn: 0,
    picturesOut: 0,
    firstPieceMs: 120,
    durationMs: 250,
    estimated: false,
  };
}

function started({ conversationId, clientId, partition }: Conversation): Placed {
  return { partition, event: { type: 'ConversationStarted', conversationId, clientId } };
}

function placed({ partition }: Conversation, event: ConversationEvent): Placed {
  return { partition, event };
}
