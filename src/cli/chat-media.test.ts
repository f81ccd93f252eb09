import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ScriptedMedia } from '../client/testing/scripted-media.ts';
import { answerAtOnce, complete, piece, ScriptedServer } from '../client/testing/scripted-server.ts';
import { SessionLimits } from '../gen/chat/v1/chat_service.ts';
import { Kind } from '../gen/chat/v1/content.ts';
import type { Outcome } from './testing/client-process.ts';
import { runClient } from './testing/client-process.ts';

let server: ScriptedServer;
let store: ScriptedMedia;
let folder: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'parley-cli-'));
  store = await new ScriptedMedia().start();
  server = new ScriptedServer();
  server.services = [store.service];
  server.limits = SessionLimits.create({ maxInlineBytes: 1_000, maxMediaBytes: 5_000_000 });
  await server.start();
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

function chat(input: string, ...more: string[]): Promise<Outcome> {
  const args = ['chat', '--address', server.address, '--client', 'ann', '--media-dir', join(folder, 'media')];
  return runClient(folder, [...args, '--time-zone', 'Asia/Tokyo', ...more], input);
}

function answerWithVoice(): void {
  const voice = store.store(Kind.VOICE, 'audio/mpeg', Buffer.alloc(62_345));
  server.answer = (message, tell) => void complete(message, 'Hear this.', tell, server, [voice]);
}

describe('media in a chat', () => {
  test('are said in a message with their text, in the order typed', async () => {
    const path = join(folder, 'a cat.png');
    writeFileSync(path, 'picture');
    writeFileSync(join(folder, 'long.mp4'), Buffer.alloc(20_000, 7));
    const outcome = await chat(`/image "${path}" What is this?\n/video ${folder}/long.mp4\nand now?\n`);
    expect(outcome).toEqual({
      exitCode: 0,
      output: 'You said: What is this?\nYou said: \nYou said: and now?\n',
      errors: '',
    });
    const said = server.frames.flatMap((frame) => (frame.$case === 'message' ? [frame.value.parts] : []));
    expect(said).toMatchObject([
      [
        { value: { $case: 'media', value: { kind: Kind.IMAGE, contentType: 'image/png', mediaId: '' } } },
        { value: { $case: 'text', value: 'What is this?' } },
      ],
      [{ value: { $case: 'media', value: { kind: Kind.VIDEO, contentType: 'video/mp4', mediaId: 'upload-1' } } }],
      [{ value: { $case: 'text', value: 'and now?' } }],
    ]);
    expect(store.puts[0]?.bytes).toEqual(Buffer.alloc(20_000, 7));
  });

  test('are said once, and not stored again, when Accepted is lost', async () => {
    writeFileSync(join(folder, 'long.mp3'), Buffer.alloc(20_000, 7));
    server.losses = 1;
    expect(await chat(`/voice ${folder}/long.mp3 twice\n`)).toMatchObject({ output: 'You said: twice\n' });
    expect(server.hellos).toHaveLength(2);
    const ids = server.frames.flatMap((frame) => (frame.$case === 'message' ? [frame.value.clientMessageId] : []));
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
    expect(store.uploads).toHaveLength(1);
    expect(store.puts).toHaveLength(1);
  });

  test('of a reply are kept, and where is told', async () => {
    answerWithVoice();
    const path = join(folder, 'media', '2026-11-22-153012-voice-1.mp3');
    expect(await chat('speak\n')).toEqual({
      exitCode: 0,
      output: `Hear this.\n[voice, MP3, 62.3 kB → ${path}]\n`,
      errors: '',
    });
    expect(readFileSync(path)).toHaveLength(62_345);
  });

  test('of a reply are not fetched with --no-media, and come in the stream with --inline', async () => {
    answerWithVoice();
    expect(await chat('speak\n', '--no-media')).toMatchObject({ output: 'Hear this.\n[voice, MP3, 62.3 kB]\n' });
    expect(store.requests).toEqual([]);
    expect(readdirSync(folder)).not.toContain('media');
    await chat('speak\n', '--inline');
    expect(server.hellos.map((hello) => hello.inlineMedia)).toEqual([false, true]);
  });

  test('of a reply that cannot be kept are told, the chat goes on and fails in the end', async () => {
    answerWithVoice();
    store.mishaps.push({ status: 404 });
    const outcome = await chat('speak\nagain\n');
    expect(outcome).toMatchObject({ exitCode: 1, errors: '' });
    expect(outcome.output.split('\n')).toEqual([
      'Hear this.',
      '[voice, MP3, 62.3 kB, not kept: 404 Not Found]',
      'Hear this.',
      expect.stringContaining('→'),
      '',
    ]);
  });

  test('that are not there are told, and the chat goes on', async () => {
    const outcome = await chat(`/voice ${folder}/none.mp3\n/image ${folder}/cat.txt\nhello\n`);
    expect(outcome).toMatchObject({ exitCode: 1, output: 'You said: hello\n' });
    expect(outcome.errors).toBe(
      `${folder}/none.mp3 cannot be read: it is not there.\n` +
        `${folder}/cat.txt does not end as a file of image does: jpg, jpeg, png, webp, gif.\n`,
    );
  });
});

describe('/stop after a line in a pipe', () => {
  test('stops its reply once it has begun', async () => {
    server.answer = (message, tell) => {
      const replyMessageId = `reply-to-${message.messageId}`;
      tell({
        $case: 'replyStarted',
        value: { messageId: message.messageId, replyMessageId, attempt: 1, continuedBytes: 0n },
      });
      tell(piece(replyMessageId, 1, 0, 'Once upon a time'));
      server.on('frame', ({ $case }) => {
        if ($case === 'stopMessageId') answerStopped(message.messageId);
      });
    };
    const answerStopped = (messageId: string): void => {
      const message = server.messages.find((one) => one.messageId === messageId)!;
      server.answer = (next, tell) => answerAtOnce(next, tell, server);
      complete(message, 'Once', (event) => server.tell(event), server);
    };
    const { output } = await chat('a long story\n/stop\nthanks\n');
    expect(output).toBe('Once\nYou said: thanks\n');
    expect(server.frames.filter(({ $case }) => $case === 'stopMessageId')).toHaveLength(1);
  });
});
