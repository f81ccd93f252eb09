import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { fileTypeInspector } from '../../adapters/file-type/file-type-inspector.ts';
import { type FolderMediaStore, openFolderMediaStore } from '../../adapters/filesystem/folder-media-store.ts';
import { nodeCryptoIds } from '../../adapters/node/node-crypto-ids.ts';
import type { MediaKind, MediaPart } from '../../domain/conversation/events.ts';
import { Refused } from '../../domain/errors/catalogue.ts';
import type { Clock } from '../../ports/clock.ts';
import type { MediaObject } from '../../ports/media-store.ts';
import { padded, page, picture, sha256, video, voice } from '../../testing/media-samples.ts';
import { anybody, type Caller } from '../caller.ts';
import { checkMessage, type OutgoingMedia } from '../gateway/accept-message.ts';
import { MediaLibrary, type UploadRequest } from './media-library.ts';

const hourMs = 3_600_000;
const limits = { maxTextBytes: 1_000, maxInlineBytes: 10_000 };
const noHash = new Uint8Array(0);
const ann: Caller = { kind: 'client', clientId: 'ann', isOperator: false, expireTimeMs: Number.POSITIVE_INFINITY };

let folder: string;
let store: FolderMediaStore;
let library: MediaLibrary;
let nowMs: number;
/** How many messages name each object. */
let named: Map<string, number>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-library-'));
  nowMs = Date.parse('2026-11-22T10:00:00Z');
  named = new Map();
  const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => {} };
  store = await openFolderMediaStore({
    folder,
    prefix: 'test',
    publicUrl: () => 'http://media.test',
    clock,
    maxObjectBytes: 1_000_000,
    onError: (error) => {
      throw error;
    },
  });
  library = new MediaLibrary({
    store,
    inspector: fileTypeInspector,
    references: { references: async () => named },
    clock,
    ids: nodeCryptoIds,
    writes: { take() {} },
    settings: { maxMediaBytes: 1_000_000, uploadLifetimeMs: hourMs, urlLifetimeMs: 900_000 },
  });
});

afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

function media(over: Partial<OutgoingMedia>): OutgoingMedia {
  const nothing = {
    mediaKind: undefined,
    contentType: '',
    inlineData: noHash,
    mediaId: '',
    sizeBytes: 0,
    sha256: noHash,
    fileName: '',
  };
  return { kind: 'media', ...nothing, ...over };
}

const inlineVoice = media({ mediaKind: 'voice', contentType: 'audio/mpeg', inlineData: voice.bytes });
const inlinePicture = media({ mediaKind: 'image', contentType: 'image/png', inlineData: picture.bytes });

async function take(...parts: readonly OutgoingMedia[]): Promise<readonly MediaPart[]> {
  const checked = checkMessage({ clientMessageId: 'm', parts }, limits);
  if (checked instanceof Refused) throw checked;
  return (await library.take(checked, 'ann')) as readonly MediaPart[];
}

function upload(over: Partial<UploadRequest> = {}): UploadRequest {
  const { contentType, bytes } = voice;
  return {
    mediaKind: 'voice',
    contentType,
    sizeBytes: bytes.length,
    sha256: sha256(bytes),
    clientId: 'ann',
    ...over,
  };
}

/** As if the client had PUT the bytes to the upload's URL. */
async function stored(bytes: Buffer, over: Partial<MediaObject> = {}): Promise<string> {
  const { mediaId } = await library.createUpload(anybody, upload());
  const described = { kind: 'voice' as MediaKind, contentType: 'audio/mpeg', sizeBytes: bytes.length };
  const object = { mediaId, ownerId: 'ann', ...described, sha256: sha256(bytes).toString('hex'), ...over };
  await store.put(object, bytes);
  return mediaId;
}

async function objects(): Promise<string[]> {
  const ids: string[] = [];
  for await (const batch of store.list()) ids.push(...batch.map(({ mediaId }) => mediaId));
  return ids;
}

describe('inline media', () => {
  test.each([
    ['voice', voice],
    ['video', video],
    ['image', picture],
  ] as const)(
    'of kind %s are stored whole, and their part describes them',
    async (mediaKind, { contentType, bytes }) => {
      const [part] = await take(media({ mediaKind, contentType, inlineData: bytes }));
      expect(part).toEqual({
        kind: mediaKind,
        mediaId: expect.stringMatching(/^20261122-/),
        contentType,
        sizeBytes: bytes.length,
        sha256: sha256(bytes).toString('hex'),
      });
      expect(await store.stat(part!.mediaId)).toMatchObject({ ...part, ownerId: 'ann' });
      expect(Buffer.from(await store.read(part!.mediaId)).equals(bytes)).toBe(true);
    },
  );

  test('are stored under the normal name of their type', async () => {
    const [part] = await take(media({ ...inlineVoice, contentType: 'Audio/MP3; rate=44100' }));
    expect(part).toMatchObject({ contentType: 'audio/mpeg' });
  });

  test('are taken when what is stated of them is so', async () => {
    const sizeBytes = voice.bytes.length;
    await expect(take(media({ ...inlineVoice, sizeBytes, sha256: sha256(voice.bytes) }))).resolves.toHaveLength(1);
  });

  const refused: [what: string, over: Partial<OutgoingMedia>, reason: string][] = [
    ['of another length', { sizeBytes: voice.bytes.length + 1 }, 'MEDIA_MISMATCH'],
    ['of a negative length', { sizeBytes: -1 }, 'MEDIA_MISMATCH'],
    ['of another hash', { sha256: sha256(Buffer.from('another')) }, 'MEDIA_MISMATCH'],
    ['of half a hash', { sha256: sha256(voice.bytes).subarray(0, 16) }, 'MEDIA_MISMATCH'],
    ['a page as a picture', { mediaKind: 'image', contentType: 'image/jpeg', inlineData: page }, 'MEDIA_MISMATCH'],
    ['a picture of another format', { ...inlinePicture, contentType: 'image/jpeg' }, 'MEDIA_MISMATCH'],
    ['a type that is not taken', { contentType: 'audio/flac' }, 'MEDIA_TYPE_UNSUPPORTED'],
    ['a page as a page', { contentType: 'text/html', inlineData: page }, 'MEDIA_TYPE_UNSUPPORTED'],
    ['a type of another kind', { mediaKind: 'video' }, 'MEDIA_TYPE_UNSUPPORTED'],
    ['no kind', { mediaKind: undefined }, 'MEDIA_TYPE_UNSUPPORTED'],
    ['a kind that is none', { mediaKind: null }, 'MEDIA_TYPE_UNSUPPORTED'],
    ['no type', { contentType: '' }, 'MEDIA_TYPE_UNSUPPORTED'],
    ['one byte over the limit', { inlineData: padded(voice, limits.maxInlineBytes + 1) }, 'MEDIA_TOO_LARGE'],
    ['nothing', { inlineData: noHash }, 'EMPTY_MESSAGE'],
    ['bytes and a name', { mediaId: '20261122-a' }, 'FRAME_INVALID'],
  ];

  test.each(refused)('are refused: %s', async (_what, over, reason) => {
    await expect(take(media({ ...inlineVoice, ...over }))).rejects.toMatchObject({ reason });
    expect(await objects()).toEqual([]);
  });

  test('of exactly the limit are taken', async () => {
    await expect(
      take(media({ ...inlineVoice, inlineData: padded(voice, limits.maxInlineBytes) })),
    ).resolves.toHaveLength(1);
  });

  test('are not stored when another part of the message is refused', async () => {
    const bad = media({ ...inlinePicture, inlineData: page });
    await expect(take(inlineVoice, bad)).rejects.toMatchObject({ reason: 'MEDIA_MISMATCH' });
    await expect(take(inlineVoice, media({ mediaId: '20261122-never' }))).rejects.toMatchObject({
      reason: 'MEDIA_NOT_FOUND',
    });
    expect(await objects()).toEqual([]);
  });

  test('come 16 to a message, and no more', async () => {
    const tooMany = Array.from({ length: 17 }, () => inlineVoice);
    await expect(take(...tooMany)).rejects.toMatchObject({ reason: 'FRAME_INVALID' });
    await expect(take(...tooMany.slice(1))).resolves.toHaveLength(16);
  });
});

describe('named media', () => {
  test('are taken as the store describes them, whether the message states it or not', async () => {
    const mediaId = await stored(voice.bytes);
    const described = { kind: 'voice', mediaId, contentType: 'audio/mpeg', sizeBytes: voice.bytes.length };
    const part = { ...described, sha256: sha256(voice.bytes).toString('hex') };
    await expect(take(media({ mediaId }))).resolves.toEqual([part]);
    await expect(take(media({ ...inlineVoice, inlineData: noHash, mediaId }))).resolves.toEqual([part]);
  });

  test.each([
    ['of another kind', { mediaKind: 'video' }],
    ['of no kind of media', { mediaKind: null }],
    ['of another type', { contentType: 'audio/wav' }],
    ['of another length', { sizeBytes: 1 }],
    ['of another hash', { sha256: sha256(page) }],
  ] as const)('are refused when they are %s than stated', async (_what, over) => {
    const mediaId = await stored(voice.bytes);
    await expect(take(media({ mediaId, ...over }))).rejects.toMatchObject({ reason: 'MEDIA_MISMATCH' });
  });

  test.each(['20261122-never', 'no-id', '../../etc/passwd', 'x'.repeat(1_000)])(
    'are refused when there is no object %s',
    async (mediaId) => {
      await expect(take(media({ mediaId }))).rejects.toMatchObject({ reason: 'MEDIA_NOT_FOUND' });
    },
  );

  test("are refused when they are somebody else's, in the same words as when they are not there", async () => {
    const mediaId = await stored(voice.bytes, { ownerId: 'bob' });
    const refusals = await Promise.all(
      [mediaId, '20261122-never'].map((id) => take(media({ mediaId: id })).catch((error: Error) => error)),
    );
    expect(refusals[0]).toMatchObject({ reason: 'MEDIA_NOT_FOUND', message: (refusals[1] as Error).message });
  });

  test('are refused when the bytes are not what was uploaded as', async () => {
    const mediaId = await stored(page, { kind: 'image', contentType: 'image/jpeg' });
    await expect(take(media({ mediaId }))).rejects.toMatchObject({ reason: 'MEDIA_MISMATCH' });
  });

  test('may be named for the upload lifetime, and then only if a message names them already', async () => {
    const mediaId = await stored(voice.bytes);
    nowMs += hourMs - 1;
    await expect(take(media({ mediaId }))).resolves.toHaveLength(1);
    nowMs += 1;
    await expect(take(media({ mediaId }))).rejects.toMatchObject({ reason: 'MEDIA_NOT_FOUND' });
    named.set(mediaId, 1);
    await expect(take(media({ mediaId }))).resolves.toHaveLength(1);
  });
});

describe('an upload', () => {
  test('is reserved for what is described, until its URL expires', async () => {
    const answer = await library.createUpload(ann, upload({ clientId: '', contentType: 'audio/mp3' }));
    expect(answer).toMatchObject({ mediaId: expect.stringMatching(/^20261122-/), expireTimeMs: nowMs + hourMs });
    expect(answer.url).toMatch(/^http:\/\/media[.]test\/media\/20261122-/);
    expect(new Map(Object.entries(answer.headers)).get('content-type')).toBe('audio/mpeg');
    expect(await objects()).toEqual([]);
  });

  const refused: [what: string, over: Partial<UploadRequest>, reason: string][] = [
    ['somebody else', { clientId: 'bob' }, 'NOT_YOURS'],
    ['no kind', { mediaKind: undefined }, 'MEDIA_TYPE_UNSUPPORTED'],
    ['a type that is not taken', { contentType: 'image/svg+xml' }, 'MEDIA_TYPE_UNSUPPORTED'],
    ['nothing', { sizeBytes: 0 }, 'FRAME_INVALID'],
    ['a negative length', { sizeBytes: -5 }, 'FRAME_INVALID'],
    ['a length that no number holds', { sizeBytes: 2 ** 60 }, 'FRAME_INVALID'],
    ['one byte over the limit', { sizeBytes: 1_000_001 }, 'MEDIA_TOO_LARGE'],
    ['no hash', { sha256: noHash }, 'FRAME_INVALID'],
    ['a hash too long', { sha256: new Uint8Array(33) }, 'FRAME_INVALID'],
  ];

  test.each(refused)('is refused to %s', async (_what, over, reason) => {
    await expect(library.createUpload(ann, upload(over))).rejects.toMatchObject({ reason });
  });

  test('must say whose it is where authentication is off', async () => {
    await expect(library.createUpload(anybody, upload({ clientId: '' }))).rejects.toMatchObject({
      reason: 'CLIENT_ID_INVALID',
    });
  });

  test('of exactly the limit is taken', async () => {
    await expect(library.createUpload(ann, upload({ sizeBytes: 1_000_000 }))).resolves.toBeDefined();
  });
});

describe('an object asked for', () => {
  test('comes with a URL that is made now', async () => {
    const mediaId = await stored(voice.bytes);
    const first = await library.getMedia(ann, mediaId);
    expect(first).toMatchObject({ media: { mediaId, kind: 'voice' }, link: { expireTimeMs: nowMs + 900_000 } });
    nowMs += 5_000;
    const second = await library.getMedia(anybody, mediaId);
    expect(second.link.expireTimeMs).toBe(nowMs + 900_000);
    expect(second.link.url).not.toBe(first.link.url);
  });

  test.each([
    ['is not there', async () => '20261122-never'],
    ['cannot be one', async () => '..'],
    ["is somebody else's", () => stored(voice.bytes, { ownerId: 'bob' })],
  ])('is not found when it %s', async (_what, mediaId) => {
    await expect(library.getMedia(ann, await mediaId())).rejects.toMatchObject({ reason: 'NOT_FOUND' });
  });

  test('is not found when no message named it in time', async () => {
    const mediaId = await stored(voice.bytes);
    nowMs += hourMs;
    await expect(library.getMedia(ann, mediaId)).rejects.toMatchObject({ reason: 'NOT_FOUND' });
  });

  test('has no URL when it is not what it claims', async () => {
    const mediaId = await stored(page, { kind: 'image', contentType: 'image/jpeg' });
    await expect(library.getMedia(ann, mediaId)).rejects.toMatchObject({ reason: 'MEDIA_MISMATCH' });
  });
});
