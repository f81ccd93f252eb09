import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Kind, type Media, MediaSchema, MessageSchema } from '../../client/gen/chat/v1/content_pb.js';
import { ScriptedMedia } from '../../client/testing/scripted-media.ts';
import { ScriptedServer } from '../../client/testing/scripted-server.ts';
import { MediaFolder } from './incoming-media.ts';
import { ReplyMedia } from './reply-media.ts';

const time = new Date('2026-11-22T06:30:12Z');
const sound = Buffer.alloc(62_345, 'sound');

let parent: string;
let folder: string;
let server: ScriptedServer;
let store: ScriptedMedia;
let shown: string[];
let kept: MediaFolder;

/** An object of the store, as a client gets it. */
function stored(...args: Parameters<ScriptedMedia['store']>): Media {
  const { urlExpireTime: _, kind, ...media } = store.store(...args);
  return create(MediaSchema, { ...media, kind: kind as Kind });
}

beforeEach(async () => {
  parent = mkdtempSync(join(tmpdir(), 'parley-media-'));
  folder = join(parent, 'media');
  store = await new ScriptedMedia().start();
  server = new ScriptedServer();
  server.services = [store.service];
  await server.start();
  shown = [];
  kept = new MediaFolder({
    folder,
    timeZone: 'Asia/Tokyo',
    endpoint: { address: server.address },
    show: (text) => shown.push(text),
  });
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  rmSync(parent, { recursive: true });
});

describe('media that came', () => {
  test('are kept under the time and kind, each in a file of its own', async () => {
    const one = await kept.save(stored(Kind.VOICE, 'audio/mpeg', sound), time);
    const other = await kept.save(stored(Kind.VOICE, 'audio/mpeg', Buffer.from('other')), time);
    expect([one, other]).toEqual([
      join(folder, '2026-11-22-153012-voice-1.mp3'),
      join(folder, '2026-11-22-153012-voice-2.mp3'),
    ]);
    expect(readFileSync(one).equals(sound)).toBe(true);
    expect(readFileSync(other, 'utf8')).toBe('other');
    expect(shown).toEqual([]);
  });

  test('that are there already are not fetched again', async () => {
    const media = stored(Kind.IMAGE, 'image/jpeg', sound);
    const path = await kept.save(media, time);
    expect(await kept.save(media, time)).toBe(path);
    expect(store.requests).toHaveLength(1);
    expect(readdirSync(folder)).toEqual(['2026-11-22-153012-image-1.jpg']);
  });

  test('never write over a file of the user', async () => {
    const media = stored(Kind.IMAGE, 'image/png', sound);
    await kept.save(media, time);
    const mine = join(folder, '2026-11-22-153012-image-1.png');
    writeFileSync(mine, Buffer.alloc(sound.length));
    expect(await kept.save(media, time)).toBe(join(folder, '2026-11-22-153012-image-2.png'));
    expect(readFileSync(mine).equals(sound)).toBe(false);
  });

  test('that came in the stream are not fetched', async () => {
    const sha256 = createHash('sha256').update(sound).digest();
    const media = create(MediaSchema, { kind: Kind.VOICE, contentType: 'audio/ogg', inlineData: sound, sha256 });
    expect(readFileSync(await kept.save(media, time)).equals(sound)).toBe(true);
    expect(store.requests).toEqual([]);
  });

  test('have their progress told when they are large', async () => {
    await kept.save(stored(Kind.VIDEO, 'video/mp4', Buffer.alloc(5_000_000)), time);
    expect(shown[0]).toMatch(/^fetching video [█░]{24} +\d+% .* of 5\.0 MB$/);
    expect(shown.at(-1)).toBe('');
  });

  test('are fetched from a fresh URL when theirs has expired, and again when the connection breaks', async () => {
    store.mishaps.push({ status: 403, body: '{"reason":"MEDIA_URL_INVALID"}' }, 'cut');
    const media = stored(Kind.VOICE, 'audio/mpeg', sound);
    const path = await kept.save({ ...media, url: `${media.url}?expired` }, time);
    expect(readFileSync(path).equals(sound)).toBe(true);
    const fresh = `GET /media/${media.mediaId}`;
    expect(store.requests).toEqual([`${fresh}?expired`, fresh, fresh]);
  });

  test.each([
    ['shorter than told', { sizeBytes: 62_346n }, /62345 bytes came instead of 62346/],
    ['of another hash', { sha256: Buffer.alloc(32) }, /SHA-256/],
    ['that are gone', { url: 'http://127.0.0.1:1/x', mediaId: '' }, /ECONNREFUSED/],
    ['behind no URL', { url: 'file:///etc/passwd' }, /is no URL of a file/],
  ])('%s are told, and leave nothing', async (_what, fault, told) => {
    const media = stored(Kind.VOICE, 'audio/mpeg', sound, fault);
    await expect(kept.save(media, time)).rejects.toThrow(told);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('are told on a line each, and a failure does not keep the next from being kept', async () => {
    const parts = [
      stored(Kind.VOICE, 'audio/mpeg', sound, { sizeBytes: 7n }),
      stored(Kind.IMAGE, 'image/webp', Buffer.from('picture')),
    ].map((value) => ({ value: { case: 'media' as const, value } }));
    const media = new ReplyMedia(server.address, kept);
    const lines: string[] = [];
    for await (const line of media.lines(create(MessageSchema, { parts, createTime: timestampFromDate(time) })))
      lines.push(line);
    expect(lines).toEqual([
      '[voice, MP3, 7 B, not kept: 62345 bytes came instead of 7; nothing was kept.]',
      `[image, WEBP, 7 B → ${join(folder, '2026-11-22-153012-image-1.webp')}]`,
    ]);
    expect(media.failures).toBe(1);
  });

  test('a folder that cannot be made is told', async () => {
    writeFileSync(folder, 'a file');
    const saved = kept.save(stored(Kind.VOICE, 'audio/mpeg', sound), time);
    await expect(saved).rejects.toMatchObject({ name: 'Trouble', message: expect.stringContaining('cannot be') });
  });
});
