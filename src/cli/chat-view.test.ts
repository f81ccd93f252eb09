import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Chat } from '../client/chat.ts';
import {
  ConversationDeletedSchema,
  ConversationRenamedSchema,
  MessageRejectedSchema,
  ReplyDelayedSchema,
  ReplyStartedSchema,
  WelcomeSchema,
} from '../client/gen/chat/v1/chat_service_pb.js';
import { Kind, MediaSchema, MessageSchema, MessageStatus } from '../client/gen/chat/v1/content_pb.js';
import { Refusal } from '../client/refusal.ts';
import { ChatTeller } from '../client/testing/chat-events.ts';
import type { Screen } from './chat-view.ts';
import { ChatView } from './chat-view.ts';

class Transcript implements Screen {
  text = '';
  now = '';
  get atLineStart(): boolean {
    return this.text === '' || this.text.endsWith('\n');
  }
  line(text: string): void {
    this.endLine();
    this.text += `${text}\n`;
  }
  note(text: string): void {
    this.line(`— ${text}`);
  }
  append(text: string): void {
    this.text += text;
  }
  endLine(): void {
    if (!this.atLineStart) this.text += '\n';
  }
  status(text: string): void {
    this.now = text;
  }
}

let client: ChatTeller;
let screen: Transcript;
const welcome = create(WelcomeSchema, { conversationId: 'c1', firstMessageDeadline: durationFromMs(60_000) });

beforeEach(() => {
  client = new ChatTeller();
  screen = new Transcript();
  new ChatView(client as unknown as Chat, screen, '127.0.0.1:50051');
});

function grow(text: string): void {
  client.tell('replyGrown', { replyMessageId: 'r', text });
}

describe('a chat view', () => {
  test('says where it is, and that a slot is for talking', () => {
    client.tell('status', { state: 'connecting' });
    expect(screen.now).toBe('connecting to 127.0.0.1:50051…');
    client.tell('status', { state: 'waiting', place: 3 });
    expect(screen.now).toBe('every slot is taken; number 3 in line…');
    client.tell('status', { state: 'connected', welcome });
    expect(screen.now).toBe('');
    expect(screen.text).toBe('— Connected to conversation c1. Say something within 60 s, or the slot is lost.\n');
  });

  test('says when it will try again, and that it is back', () => {
    client.tell('status', { state: 'connected', welcome });
    client.tell('status', { state: 'reconnecting', delayMs: 1_800, refusal: new Refusal(Code.Unavailable, 'gone') });
    expect(screen.now).toBe('127.0.0.1:50051: no connection; trying again in 2 s; what you type is sent then');
    client.tell('status', { state: 'connected', welcome });
    expect(screen.text.endsWith('— Connected again.\n')).toBe(true);
  });

  test('before the first connection says once what to do, and keeps the reason on the status line', () => {
    const refusal = new Refusal(Code.Unavailable, 'gone');
    for (const delayMs of [100, 2_000]) {
      client.tell('status', { state: 'connecting' });
      client.tell('status', { state: 'reconnecting', delayMs, refusal });
    }
    client.tell('status', { state: 'connecting' });
    expect(screen.now).toContain('trying again in 2 s');
    expect(screen.text).toBe(
      '— No server answers at 127.0.0.1:50051. Start one with `npm start`, or name another with --address.\n',
    );
  });

  test('says of an earlier message that it was not answered', () => {
    const failed = { messageId: 'm', status: MessageStatus.FAILED, failureReason: 'PROVIDER_BUSY' };
    client.tell('message', create(MessageSchema, failed));
    expect(screen.text).toBe('you: \n— (not answered: the model server was busy)\n');
  });

  test('draws a reply as it grows, without obeying what is in it', () => {
    client.tell('replyStarted', create(ReplyStartedSchema, { replyMessageId: 'r' }));
    expect(screen.now).toBe('answering…');
    grow('Hel');
    grow('lo\u001b[2J');
    client.tell('replyCompleted', create(MessageSchema, { messageId: 'r', status: MessageStatus.COMPLETED }));
    expect(screen.text).toBe('bot: Hello␛[2J\n');
    expect(screen.now).toBe('');
  });

  test('marks a reply that begins again', () => {
    grow('Hel');
    client.tell('replyRestarted', { replyMessageId: 'r' });
    grow('Good day');
    expect(screen.text).toBe('bot: Hel\n— (the reply begins again)\nbot: Good day');
  });

  test('says that a reply waits for its model, for how long, and how to end that', () => {
    const retryDelay = durationFromMs(9_700);
    const delayed = (reason: string) =>
      client.tell('replyDelayed', create(ReplyDelayedSchema, { replyMessageId: 'r', retryDelay, reason }));
    delayed('PROVIDER_BUSY');
    expect(screen.now).toBe('The model is busy; trying again in 10 s; Ctrl-C or /stop stops it');
    delayed('PROVIDER_TIMEOUT');
    expect(screen.now).toMatch(/^The model does not answer; /);
    delayed('PROVIDER_FAILED');
    expect(screen.now).toMatch(/^The model failed to answer; /);
    client.tell('replyStarted', create(ReplyStartedSchema, { replyMessageId: 'r', attempt: 2 }));
    expect(screen.now).toBe('answering…');
  });

  test('goes on with a reply that a typed line has cut', () => {
    grow('Hel');
    screen.line('you: wait');
    grow('lo');
    expect(screen.text).toBe('bot: Hel\nyou: wait\n…lo');
  });

  test('says in a line what is done to the conversation', () => {
    client.tell('renamed', create(ConversationRenamedSchema, { title: 'Pl\u001bans' }));
    client.tell('deleted', create(ConversationDeletedSchema, {}));
    const deleted = '— This conversation was deleted; /new begins another, and /join ID goes to one.';
    expect(screen.text).toBe(`— (renamed to Pl␛ans)\n${deleted}\n`);
  });

  test('says that a reply is incomplete', () => {
    client.tell('replyCompleted', create(MessageSchema, { messageId: 'r', incomplete: true }));
    expect(screen.text).toBe('— (incomplete: the model did not come to its end)\n');
  });

  test('shows the media of a reply before what is said after it', async () => {
    const media = { kind: Kind.VOICE, contentType: 'audio/mpeg', sizeBytes: 62_345n };
    const parts = [{ value: { case: 'media', value: create(MediaSchema, media) } } as const];
    client.tell('replyCompleted', create(MessageSchema, { messageId: 'r', parts }));
    const next = [{ value: { case: 'text', value: 'Next.' } } as const];
    client.tell('message', create(MessageSchema, { messageId: 'm', parts: next }));
    await new Promise(setImmediate);
    expect(screen.text).toBe('bot: [voice, MP3, 62.3 kB]\nyou: Next.\n');
  });

  test('says that a reply was stopped, or was not given', () => {
    client.tell('replyCompleted', create(MessageSchema, { messageId: 'r', status: MessageStatus.STOPPED }));
    client.tell('rejected', create(MessageRejectedSchema, { messageId: 'm', reason: 'POISON', detail: 'Given up.' }));
    client.tell('rejected', create(MessageRejectedSchema, { messageId: 'm', reason: 'STOPPED' }));
    const failed = '— (not answered) Given up — put it in other words.';
    expect(screen.text).toBe(`— (stopped)\n${failed}\n— (stopped)\n`);
  });
});
