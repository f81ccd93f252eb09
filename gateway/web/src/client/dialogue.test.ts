import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import {
  AcceptedSchema,
  ConversationDeletedSchema,
  ConversationRenamedSchema,
  JoinedSchema,
  ReplyDeltaSchema,
  ReplyStartedSchema,
} from '../../../../src/client/gen/chat/v1/chat_service_pb.js';
import { CallFailed } from './calls.ts';
import { Conversation } from './conversation.ts';
import { Dialogue, type Line } from './dialogue.ts';
import { Kept } from './kept.ts';
import { MemoryStorage } from './memory-storage.ts';
import { Outbox } from './outbox.ts';
import { refusal } from './refusals.ts';
import { until } from './testing/browser.ts';

/** A dialogue on a line that writes down what goes over it. */
class World implements Line, Disposable {
  readonly calls: string[] = [];
  readonly outbox: Outbox;
  readonly dialogue: Dialogue;
  readonly failures: CallFailed[] = [];
  readonly changes: string[] = [];
  readonly #ended = new AbortController();

  constructor(first: Conversation) {
    this.outbox = new Outbox({
      kept: new Kept(new MemoryStorage(), ''),
      tabId: 'tab',
      limits: () => new Promise(() => undefined),
      store: () => new Promise(() => undefined),
      onReady: () => this.dialogue.wake(),
    });
    const pages = {
      async loadNewest(conversation: Conversation) {
        conversation.isLoaded = true;
        return undefined;
      },
    };
    this.dialogue = new Dialogue(
      {
        pages,
        outbox: this.outbox,
        onNews: () => undefined,
        onNamed: () => undefined,
        onRenamed: ({ id }, title) => this.changes.push(`${id.peek()} is ${title}`),
        onDeleted: ({ id }) => this.changes.push(`${id.peek()} is gone`),
      },
      first,
    );
  }

  async begin(): Promise<void> {
    const { conversationId } = await this.dialogue.prepare();
    void this.dialogue.attend(conversationId || 'named', this, this.#ended.signal);
  }

  async join(conversationId: string, afterSequence: number) {
    this.#note(`join ${conversationId} after ${afterSequence}`);
    return create(JoinedSchema, { conversationId });
  }

  async send({ clientMessageId = '', parts = [] }: Parameters<Line['send']>[0]) {
    const conversationId = this.calls.findLast((call) => call.startsWith('join '))?.split(' ')[1] ?? 'named';
    this.#note(`send ${parts.map(({ value }) => (value?.case === 'text' ? value.value : 'media')).join()}`);
    return create(AcceptedSchema, { clientMessageId, conversationId, messageId: `m-${clientMessageId}`, sequence: 5n });
  }

  lost(why: CallFailed): void {
    this.calls.push(`lost ${why.reason}`);
    this.#ended.abort();
  }

  [Symbol.dispose](): void {
    this.#ended.abort();
  }

  #note(call: string): void {
    this.calls.push(call);
    const why = this.failures.shift();
    if (why !== undefined) throw why;
  }

  async called(...calls: readonly string[]): Promise<void> {
    const done = () => this.calls.length >= calls.length;
    for (let turns = 0; !done() && turns < 1_000; turns += 1) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(this.calls).toEqual(calls);
  }
}

function texts({ transcript }: Conversation): string[] {
  return transcript.entries.value.map(({ message: { value } }) =>
    value.parts.map((part) => ('text' in part ? part.text : '')).join(),
  );
}

const started = {
  case: 'replyStarted',
  value: create(ReplyStartedSchema, { messageId: 'm', replyMessageId: 'r', attempt: 1 }),
} as const;

function delta(offset: number, text: string) {
  return {
    case: 'replyDelta',
    value: create(ReplyDeltaSchema, { replyMessageId: 'r', attempt: 1, offsetBytes: BigInt(offset), text }),
  } as const;
}

describe('a dialogue', () => {
  test('turns to the conversation of each message, sends it, and comes back to the one that is shown', async () => {
    const shown = new Conversation('shown', true);
    using world = new World(shown);
    const other = world.dialogue.conversationOf('other', true);
    world.outbox.add(other, 'over there', []);
    await world.begin();
    await world.called('send over there', 'join shown after 0');
    world.outbox.add(shown, 'here', []);
    await world.called('send over there', 'join shown after 0', 'send here');
  });

  test('knows by the stream alone where what it brings belongs', async () => {
    const [first, second] = [new Conversation('first', true), new Conversation('second', true)];
    using world = new World(first);
    await world.begin();
    world.dialogue.turnTo(second);
    await world.called('join second after 0');
    // What was on its way when the session turned comes before the stream says that it did.
    world.dialogue.receive(started);
    world.dialogue.receive(delta(0, 'of the first'));
    expect([texts(first), texts(second)]).toEqual([['of the first'], []]);
    world.dialogue.receive({ case: 'joined', value: create(JoinedSchema, { conversationId: 'second' }) });
    world.dialogue.receive(started);
    world.dialogue.receive(delta(0, 'of the second'));
    expect([texts(first), texts(second)]).toEqual([['of the first'], ['of the second']]);
  });

  // The answer to a call can overtake the stream: who went on and back quickly had one conversation under the name of the other.
  test('gives no conversation the name of another that the stream tells late', async () => {
    const first = new Conversation('first', true);
    using world = new World(first);
    const second = world.dialogue.conversationOf('second', true);
    await world.begin();
    world.dialogue.turnTo(second);
    await world.called('join second after 0');
    world.dialogue.turnTo(first);
    await world.called('join second after 0', 'join first after 0');
    world.dialogue.receive({ case: 'joined', value: create(JoinedSchema, { conversationId: 'second' }) });
    world.dialogue.receive(started);
    world.dialogue.receive(delta(0, 'of the second'));
    expect([first.id.peek(), texts(first), texts(second)]).toEqual(['first', [], ['of the second']]);
  });

  test('tells what is done to a conversation that it knows, and turns back to it behind that', async () => {
    const first = new Conversation('first', true);
    using world = new World(first);
    await world.begin();
    const renamed = { conversationId: 'first', title: 'Plans', sequence: 7n };
    world.dialogue.receive({ case: 'renamed', value: create(ConversationRenamedSchema, renamed) });
    world.dialogue.receive({ case: 'deleted', value: create(ConversationDeletedSchema, { conversationId: 'never' }) });
    world.dialogue.turnTo(new Conversation('second', true));
    await world.called('join second after 0');
    world.dialogue.turnTo(first);
    await world.called('join second after 0', 'join first after 7');
    world.dialogue.receive({ case: 'deleted', value: create(ConversationDeletedSchema, { conversationId: 'first' }) });
    expect(world.changes).toEqual(['first is Plans', 'first is gone']);
  });

  test('joins again where bytes of a reply are missing', async () => {
    const conversation = new Conversation('one', true);
    using world = new World(conversation);
    await world.begin();
    world.dialogue.receive(started);
    world.dialogue.receive(delta(6, 'rest'));
    await world.called('join one after 0');
    world.dialogue.receive(delta(0, 'answer'));
    expect(texts(conversation)).toEqual(['answer']);
  });

  test('keeps what the server cannot take now, and tells what it will not take', async () => {
    const conversation = new Conversation('one', true);
    using world = new World(conversation);
    await world.begin();
    world.failures.push(
      new CallFailed(refusal('TOO_MANY_PENDING', true), 10),
      new CallFailed(refusal('TEXT_TOO_LONG')),
    );
    world.outbox.add(conversation, 'words', []);
    await world.called('send words', 'send words');
    await until(() => conversation.transcript.entries.value[0]?.message.value.status === 'unsent');
    world.failures.push(new CallFailed(refusal('SESSION_NOT_FOUND')));
    world.outbox.add(conversation, 'more', []);
    await world.called('send words', 'send words', 'send more', 'lost SESSION_NOT_FOUND');
    expect(conversation.transcript.entries.peek()[1]?.message.peek().status).toBe('sending');
  });

  test('refuses what is said in a conversation that is not there', async () => {
    const [first, gone] = [new Conversation('first', true), new Conversation('gone', true)];
    gone.transcript.say('c', [], new Date(0));
    gone.transcript.accepted(create(AcceptedSchema, { clientMessageId: 'c', messageId: 'm', sequence: 1n }));
    using world = new World(first);
    await world.begin();
    world.failures.push(new CallFailed(refusal('NOT_FOUND')));
    world.outbox.add(gone, 'hello', []);
    world.dialogue.turnTo(gone);
    await until(() => gone.transcript.entries.value.find(({ message }) => message.value.status === 'unsent'));
  });
});
