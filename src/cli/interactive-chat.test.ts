import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { ReadStream, WriteStream } from 'node:tty';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ScriptedHistory } from '../client/testing/scripted-history.ts';
import { ScriptedMedia } from '../client/testing/scripted-media.ts';
import { complete, ScriptedServer } from '../client/testing/scripted-server.ts';
import { SessionLimits } from '../gen/chat/v1/chat_service.ts';
import { Kind } from '../gen/chat/v1/content.ts';
import { connect } from './endpoint.ts';
import { chatInteractively } from './interactive-chat.ts';
import { MediaFolder } from './media/incoming-media.ts';
import { ReplyMedia } from './media/reply-media.ts';
import { TerminalEmulator } from './testing/terminal-emulator.ts';

const timeZone = 'Asia/Tokyo';

const seesWithinMs = 60_000;

let server: ScriptedServer;
let store: ScriptedMedia;
let history: ScriptedHistory;
let folder: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'parley-seat-'));
  store = await new ScriptedMedia().start();
  server = new ScriptedServer();
  history = new ScriptedHistory(server);
  server.services = [store.service, history.service];
  server.limits = SessionLimits.create({ maxInlineBytes: 1_000, maxMediaBytes: 5_000_000 });
  await server.start();
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** A person at a terminal. */
class Person {
  readonly over: Promise<void>;
  readonly #keyboard = new PassThrough();
  readonly #terminal = new TerminalEmulator(120);

  constructor() {
    const identity = { endpoint: { address: server.address }, clientId: 'ann' };
    const client = connect(identity.endpoint, { clientId: 'ann', timeZone }).newChat();
    const replyMedia = (show: (text: string) => void): ReplyMedia =>
      new ReplyMedia(server.address, new MediaFolder({ folder: 'media', timeZone, endpoint: identity.endpoint, show }));
    this.over = chatInteractively(
      { client, identity, timeZone, replyMedia },
      this.#keyboard as unknown as ReadStream,
      this.#terminal as unknown as WriteStream,
    );
  }

  async type(text: string): Promise<void> {
    for (const key of text) {
      const read = once(this.#keyboard, 'data');
      this.#keyboard.write(key);
      await read;
    }
  }

  /** Reads the screen until it shows this. */
  async sees(expected: string): Promise<string[]> {
    const deadlineMs = performance.now() + seesWithinMs;
    for (;;) {
      const rows = this.#terminal.screen;
      if (rows.some((row) => row.includes(expected))) return rows;
      if (performance.now() > deadlineMs) throw new Error(`not seen: ${expected}; seen:\n${rows.join('\n')}`);
      await new Promise(setImmediate);
    }
  }

  async leave(): Promise<void> {
    await this.type('/quit\r');
    await this.over;
  }
}

describe('a person at a terminal', () => {
  test('says a file, and is told where the reply’s media are', async () => {
    const voice = store.store(Kind.VOICE, 'audio/mpeg', Buffer.alloc(62_345), { url: 'http://127.0.0.1:1/' });
    server.answer = (message, tell) => void complete(message, 'Hear this.', tell, server, [voice]);
    writeFileSync(join(folder, 'cat.png'), 'picture');
    const person = new Person();
    await person.sees('Connected to conversation c1');
    await person.type(`/image ${folder}/c\t\r`);
    await person.sees('bot: Hear this.');
    expect(server.frames.at(-1)).toMatchObject({
      value: { parts: [{ value: { $case: 'media', value: { contentType: 'image/png' } } }] },
    });
    await person.sees('bot: [voice, MP3, 62.3 kB]');
    await person.sees('[voice, MP3, 62.3 kB, not kept: connect ECONNREFUSED');
    await person.leave();
  });

  test('says what is typed after a file behind it', async () => {
    writeFileSync(join(folder, 'long.mp3'), Buffer.alloc(2_000_000));
    const person = new Person();
    await person.sees('Connected');
    await person.type(`/voice ${folder}/long.mp3\rwhat do you think?\r`);
    await person.sees('bot: You said: what do you think?');
    const said = server.frames.flatMap((frame) => (frame.$case === 'message' ? [frame.value.parts] : []));
    expect(said.map((parts) => parts[0]?.value?.$case)).toEqual(['media', 'text']);
    await person.leave();
  });

  test('breaks off a file on its way with Ctrl-C', async () => {
    writeFileSync(join(folder, 'long.mp3'), Buffer.alloc(2_000_000));
    // For ever unavailable.
    store.mishaps.push(...Array(50).fill({ status: 503 }));
    const person = new Person();
    await person.sees('Connected');
    await person.type(`/voice ${folder}/long.mp3\r`);
    while (store.requests.length === 0) await new Promise(setImmediate);
    await person.type('\u0003');
    await person.sees('(broken off)');
    expect(server.frames.some(({ $case }) => $case === 'message')).toBe(false);
    await person.leave();
  });

  test('is asked before a conversation is deleted', async () => {
    const person = new Person();
    await person.sees('Connected');
    await person.type('hello\r');
    await person.sees('bot: You said: hello');
    await person.type('/delete\rno\r');
    await person.sees('It is kept.');
    expect(history.deleted).toEqual([]);
    await person.type('/delete\ryes\r');
    const rows = await person.sees('c1 is deleted. This is a new conversation.');
    // The stream says it, too.
    expect(rows.join()).not.toContain('was deleted');
    expect(history.deleted).toEqual(['c1']);
    await person.type('/rename New things\r/history\r');
    await person.sees('This conversation is now called New things.');
    expect((await person.sees('Nothing has been said here.')).join()).not.toContain('renamed');
    expect(history.renamed).toMatchObject([{ conversationId: 'c2' }]);
    await person.leave();
  });

  test('is told what somebody else does to the conversation, and goes on in another', async () => {
    const person = new Person();
    await person.sees('Connected');
    server.change('c1', 'From elsewhere');
    await person.sees('(renamed to From elsewhere)');
    server.change('c1');
    await person.sees('This conversation was deleted; /new begins another');
    await person.type('/new\r');
    await person.sees('In conversation c2.');
    await person.type('still here\r');
    await person.sees('You said: still here');
    await person.leave();
  });

  test('chooses with the tabulator from what there is', async () => {
    const person = new Person();
    await person.sees('Connected');
    await person.type('/v\t');
    await person.sees('/video  /voice');
    await person.type('oi\t');
    await person.sees('you: /voice');
    await person.type('\u0015');
    await person.leave();
  });

  test('is told what is refused, and goes on', async () => {
    const person = new Person();
    await person.sees('Connected');
    await person.type('/voice nowhere.mp3\r/join c9\r');
    await person.sees('nowhere.mp3 cannot be read: it is not there.');
    const rows = await person.sees('There is no such conversation');
    expect(rows.join()).not.toContain('NOT_FOUND');
    await person.type('still here\r');
    await person.sees('You said: still here');
    await person.leave();
  });
});
