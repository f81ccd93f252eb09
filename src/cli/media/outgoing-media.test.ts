import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { SessionLimitsSchema } from '../../client/gen/chat/v1/chat_service_pb.js';
import { Kind, type Media, PartSchema } from '../../client/gen/chat/v1/content_pb.js';
import { ScriptedMedia } from '../../client/testing/scripted-media.ts';
import { ScriptedServer } from '../../client/testing/scripted-server.ts';
import { mediaFile } from './media-file.ts';
import type { Outgoing } from './outgoing-media.ts';
import { outgoingPart } from './outgoing-media.ts';

const limits = create(SessionLimitsSchema, { maxInlineBytes: 1_000, maxMediaBytes: 3_000_000n });
const large = Buffer.alloc(2_500_000, 'parley');

let folder: string;
let server: ScriptedServer;
let store: ScriptedMedia;
let shown: string[];
let breakOff: AbortController;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'parley-media-'));
  store = await new ScriptedMedia().start();
  server = new ScriptedServer();
  server.services = [store.service];
  await server.start();
  shown = [];
  breakOff = new AbortController();
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

function write(name: string, bytes: Buffer | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

async function send(path: string, more: Partial<Outgoing> = {}): Promise<Media> {
  const identity = { endpoint: { address: server.address }, clientId: 'ann' };
  const show = (text: string): void => void shown.push(text);
  const file = await mediaFile('voice', path);
  const part = await outgoingPart(file, { identity, limits, show, signal: breakOff.signal, ...more });
  return create(PartSchema, part).value.value as Media;
}

describe('a file that is said', () => {
  test('travels in the message when it is small', async () => {
    const media = await send(write('short.MP3', 'sound'));
    expect(media).toMatchObject({ kind: Kind.VOICE, contentType: 'audio/mpeg', mediaId: '' });
    expect(Buffer.from(media.inlineData).toString()).toBe('sound');
    expect(server.frames).toEqual([]);
    expect(store.requests).toEqual([]);
    expect((await send(write('edge.ogg', Buffer.alloc(1_000)))).inlineData).toHaveLength(1_000);
  });

  test('is stored first when it is large, described exactly, and its progress is told', async () => {
    const media = await send(write('long.wav', large));
    expect(media).toMatchObject({ kind: Kind.VOICE, contentType: 'audio/wav', mediaId: 'upload-1' });
    expect(media.inlineData).toHaveLength(0);
    expect(store.uploads).toMatchObject([
      { contentType: 'audio/wav', sizeBytes: 2_500_000n, clientId: 'ann', kind: Kind.VOICE },
    ]);
    expect(store.uploads[0]?.sha256).toEqual(createHash('sha256').update(large).digest());
    expect(store.puts[0]?.bytes.equals(large)).toBe(true);
    expect(store.puts[0]?.headers).toMatchObject({ 'content-length': '2500000', 'content-type': 'audio/wav' });
    expect(shown[0]).toMatch(/^sending long\.wav [█░]{24} +\d+% .* of 2\.5 MB$/);
    expect(shown.at(-1)).toBe('');
  });

  test('is sent again when the connection breaks, to the same place', async () => {
    store.mishaps.push('cut', { status: 503 });
    expect((await send(write('long.wav', large))).mediaId).toBe('upload-1');
    expect(store.requests).toEqual(Array(3).fill('PUT /media/upload-1'));
    expect(store.uploads).toHaveLength(1);
    expect(store.puts).toHaveLength(1);
  });

  test('is refused before anything is sent when it is too large', async () => {
    const refused = send(write('huge.mp3', Buffer.alloc(3_000_001)));
    await expect(refused).rejects.toMatchObject({
      reason: 'MEDIA_TOO_LARGE',
      message: 'huge.mp3 has 3000001 bytes; the server takes 3000000 bytes.',
    });
    await expect(send(write('vast.mp3', Buffer.alloc(4_000_000)))).rejects.toMatchObject({
      message: 'vast.mp3 has 4.0 MB; the server takes 3.0 MB.',
    });
    expect(store.uploads).toEqual([]);
  });

  test('that the store refuses is told with its reason, once', async () => {
    store.mishaps.push({ status: 422, body: '{"reason":"MEDIA_MISMATCH","detail":"Not that hash."}' });
    await expect(send(write('long.wav', large))).rejects.toMatchObject({
      name: 'Trouble',
      message: 'long.wav was not taken: MEDIA_MISMATCH: Not that hash.',
    });
    expect(store.requests).toHaveLength(1);
    expect(store.puts).toEqual([]);
  });

  test('can be broken off', async () => {
    const sent = send(write('long.wav', large), {
      show: () => breakOff.abort(),
    });
    await expect(sent).rejects.toMatchObject({ name: 'AbortError' });
  });

  test.each([
    ['that is not there', () => join(folder, 'none.mp3'), /none\.mp3 cannot be read: it is not there\.$/],
    ['of another kind', () => write('cat.png', 'x'), /does not end as a file of voice does: mp3, wav/],
    ['without an ending', () => write('mp3', 'x'), /does not end as/],
    ['that is empty', () => write('silence.mp3', ''), /silence\.mp3 is empty\.$/],
    ['that is a folder', () => mkdtempSync(join(folder, 'x')), /does not end as/],
  ])('%s is told', async (_what, path, told) => {
    await expect(send(path())).rejects.toMatchObject({ name: 'Trouble', message: expect.stringMatching(told) });
  });
});
