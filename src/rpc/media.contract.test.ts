import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MessageRefused, shapes } from '../testing/black-box-client.ts';
import { CallRefused, call, clientOf, type Dynamic, hangUp, timestampMs } from '../testing/contract.ts';
import { inlinePart, padded, page, picture, type Sample, sha256, video, voice } from '../testing/media-samples.ts';
import { type ParleyServer, startServer, sweepsAfter } from '../testing/server.ts';
import { bidi, eventually, TestSessions } from '../testing/test-sessions.ts';
import { bytesOf, mediaCall, putTo, reserve, type Uploader, upload } from '../testing/uploads.ts';

const mebibyte = 1_024 * 1_024;
const quarterHourMs = 900_000;
const atOnce = {
  PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
  PARLEY_SIMULATED_VOICE_DELAY_MS: '0',
  PARLEY_SIMULATED_VIDEO_DELAY_MS: '0',
  PARLEY_SIMULATED_SEED: '1',
};
const aPage: Sample = { kind: 'KIND_IMAGE', contentType: 'image/jpeg', bytes: page };

let server: ParleyServer;

beforeAll(async () => {
  server = await startServer({ env: { ...atOnce, PARLEY_MAX_MEDIA_BYTES: `${8 * mebibyte}` } });
});
afterAll(() => server?.[Symbol.asyncDispose]());

function uploader(clientId: string): Uploader {
  return { address: server.address, clientId };
}

/** The media parts of a message. */
function mediaIn(message: Dynamic): Dynamic[] {
  return message.parts.filter((part: Dynamic) => part.value === 'media').map((part: Dynamic) => part.media);
}

/** What is said of a sample wherever a message with it is told. */
function told({ kind, contentType, bytes }: Sample) {
  return { kind, contentType, sizeBytes: bytes.length, sha256: sha256(bytes) };
}

async function inHistory(conversationId: string, atLeastSequence: number): Promise<Dynamic[]> {
  const history = clientOf('chat.v1.HistoryService', server.address);
  try {
    return (await call(history, 'ListMessages', { conversationId, atLeastSequence })).messages;
  } finally {
    hangUp(history);
  }
}

async function reasonOf(refused: Promise<unknown>): Promise<string> {
  const error = await refused.then(
    () => new Error('it was taken'),
    (reason: unknown) => reason,
  );
  if (error instanceof CallRefused || error instanceof MessageRefused) return error.reason;
  throw error;
}

const samples: [what: string, sample: Sample][] = [
  ['a voice message', voice],
  ['a video', video],
  ['a picture', picture],
];

describe.each(shapes)('media in a session (%s)', (shape) => {
  test('the name of a file is of the message: told wherever it is, and not with the object', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, welcome, clientId } = await testSessions.connect();
    const { conversationId, resumeToken } = welcome;
    const fileName = 'Urlaub 2026 (2).png';
    const accepted = await session.say([inlinePart(picture, { fileName }), inlinePart(picture)], randomUUID());
    await session.reply(accepted.messageId);
    const [said] = await inHistory(conversationId, accepted.sequence);
    expect(mediaIn(said).map((media) => media.fileName)).toEqual([fileName, '']);
    const [{ mediaId }] = mediaIn(said) as [Dynamic];
    const { media } = await mediaCall(uploader(clientId), 'GetMedia', { mediaId });
    expect(media).toMatchObject({ mediaId, fileName: '' });
    // Whoever has missed it is sent it again, with its name.
    const { session: back } = await testSessions.connect({ clientId, conversationId, resumeToken });
    const missed = await back.find('message', ({ messageId }) => messageId === accepted.messageId);
    expect(mediaIn(missed)[0]?.fileName).toBe(fileName);
  });

  test.each([
    ['is too long', 'x'.repeat(256)],
    ['has a line feed', 'a\nb.png'],
    ['turns the direction of writing', 'a\u202egnp.exe'],
  ])('a name that %s is refused, and the session goes on', async (_what, fileName) => {
    await using testSessions = new TestSessions(server, shape);
    const { session } = await testSessions.connect();
    const named = inlinePart(picture, { fileName });
    expect(await reasonOf(session.say([named], randomUUID()))).toBe('FILE_NAME_INVALID');
    await session.ask('Still there?');
  });

  test.each(samples)(
    '%s is taken inline, and history shows it with a URL that gives its bytes',
    async (_what, sample) => {
      await using testSessions = new TestSessions(server, shape);
      const { session, welcome } = await testSessions.connect();
      const accepted = await session.say([{ text: 'What is this?' }, inlinePart(sample)], randomUUID());
      await session.reply(accepted.messageId);
      const [said] = await inHistory(welcome.conversationId, accepted.sequence);
      expect(said.parts[0].text).toBe('What is this?');
      const [media] = mediaIn(said);
      expect(media).toMatchObject({ ...told(sample), inlineData: Buffer.alloc(0) });
      expect((await bytesOf(media)).equals(sample.bytes)).toBe(true);
      expect(Math.abs(timestampMs(media.urlExpireTime) - Date.now() - quarterHourMs)).toBeLessThan(60_000);
    },
  );

  test.each(samples)('%s is taken by upload, and is there again for another message', async (_what, sample) => {
    await using testSessions = new TestSessions(server, shape);
    const { session, welcome, clientId } = await testSessions.connect();
    const mediaId = await upload(uploader(clientId), sample);
    const first = await session.say([{ media: { mediaId } }], randomUUID());
    const again = await session.say([{ media: { ...told(sample), mediaId } }], randomUUID());
    expect(again.messageId).not.toBe(first.messageId);
    await session.reply(again.messageId);
    const messages = await inHistory(welcome.conversationId, again.sequence);
    const said = messages.filter(({ role }) => role === 'ROLE_USER').map((message) => mediaIn(message)[0]);
    expect(said).toEqual([expect.objectContaining(told(sample)), expect.objectContaining({ mediaId })]);
    expect((await bytesOf(said[1])).equals(sample.bytes)).toBe(true);
  });

  test('an object larger than a frame comes by upload', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, clientId } = await testSessions.connect();
    const large = { ...voice, bytes: padded(voice, 6 * mebibyte) };
    const mediaId = await upload(uploader(clientId), large);
    const accepted = await session.say([{ media: { mediaId } }], randomUUID());
    await session.reply(accepted.messageId);
    const { media } = await mediaCall(uploader(clientId), 'GetMedia', { mediaId });
    expect((await bytesOf(media)).equals(large.bytes)).toBe(true);
  });

  test('messages are accepted in the order in which they were said, whatever is in them', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session } = await testSessions.connect();
    const said = [];
    for (let index = 0; index < 8; index += 1) {
      const parts =
        index % 2 === 0 ? [inlinePart(voice, { inlineData: padded(voice, mebibyte) })] : [{ text: `${index}` }];
      // The calls of the split shape have no order among themselves but that of their arrival.
      const answer = session.say(parts, `${index}`);
      if (shape === 'split') await answer;
      said.push(answer);
    }
    const sequences = (await Promise.all(said)).map(({ sequence }) => sequence);
    expect(sequences).toEqual(sequences.toSorted((one, other) => one - other));
  });

  test('a repeat is told where the first stands, and its bytes are not stored again', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session } = await testSessions.connect();
    const first = await session.say([inlinePart(picture)], 'the-same');
    // The reply may bring media of its own.
    await session.reply(first.messageId);
    const before = await objects(server);
    const repeats = await Promise.all([1, 2].map(() => session.say([inlinePart(picture)], 'the-same')));
    for (const repeat of repeats) expect(repeat).toEqual({ ...first, duplicate: true });
    expect(await objects(server)).toEqual(before);
  });

  const refusals: [what: string, parts: object[], reason: string][] = [
    ['too large', [inlinePart(voice, { inlineData: padded(voice, mebibyte + 1) })], 'MEDIA_TOO_LARGE'],
    ['of another length than stated', [inlinePart(voice, { sizeBytes: 1 })], 'MEDIA_MISMATCH'],
    ['of another hash than stated', [inlinePart(voice, { sha256: sha256(page) })], 'MEDIA_MISMATCH'],
    ['of a type that is not taken', [inlinePart({ ...picture, contentType: 'image/tiff' })], 'MEDIA_TYPE_UNSUPPORTED'],
    ['of a type of another kind', [inlinePart({ ...picture, kind: 'KIND_VOICE' })], 'MEDIA_TYPE_UNSUPPORTED'],
    [
      'text as media',
      [{ media: { kind: 'KIND_TEXT', contentType: 'text/plain', inlineData: page } }],
      'MEDIA_TYPE_UNSUPPORTED',
    ],
    ['a page that says it is a picture', [inlinePart(aPage)], 'MEDIA_MISMATCH'],
    ['a picture that says it is another', [inlinePart(picture, { contentType: 'image/gif' })], 'MEDIA_MISMATCH'],
    ['never uploaded', [{ media: { mediaId: '20261122-never' } }], 'MEDIA_NOT_FOUND'],
    ['named by what is no id', [{ media: { mediaId: '../../etc/passwd' } }], 'MEDIA_NOT_FOUND'],
    ['without bytes and name', [{ media: { kind: 'KIND_VOICE', contentType: 'audio/mpeg' } }], 'EMPTY_MESSAGE'],
    ['with bytes and a name', [inlinePart(voice, { mediaId: '20261122-never' })], 'FRAME_INVALID'],
    ['too many', Array.from({ length: 17 }, () => inlinePart(voice)), 'FRAME_INVALID'],
    ['fine, beside a text too long', [inlinePart(voice), { text: 'x'.repeat(40_000) }], 'TEXT_TOO_LONG'],
  ];

  test.each(refusals)('media that are %s are refused, and the session goes on', async (_what, parts, reason) => {
    await using testSessions = new TestSessions(server, shape);
    const { session } = await testSessions.connect();
    const before = await objects(server);
    expect(await reasonOf(session.say(parts, 'refused'))).toBe(reason);
    expect(await objects(server)).toEqual(before);
    // The id is still free.
    const accepted = await session.say([{ text: 'still here' }], 'refused');
    expect(accepted.duplicate).toBe(false);
  });

  test("somebody else's upload is as unknown as one that never was", async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session } = await testSessions.connect();
    const mediaId = await upload(uploader('somebody-else'), voice);
    expect(await reasonOf(session.say([{ media: { mediaId } }], 'a'))).toBe('MEDIA_NOT_FOUND');
  });

  test('an upload is nothing before its bytes have come, whole and as described', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, clientId } = await testSessions.connect();
    const reserved = await reserve(uploader(clientId), voice);
    const say = () => session.say([{ media: { mediaId: reserved.mediaId } }], randomUUID());
    expect(await reasonOf(say())).toBe('MEDIA_NOT_FOUND');
    const another = Buffer.from(voice.bytes).fill(7, 1_000);
    for (const bytes of [another, voice.bytes.subarray(1), padded(voice, voice.bytes.length + 1)])
      expect(await putTo(reserved, bytes)).toBeGreaterThanOrEqual(400);
    expect(await reasonOf(say())).toBe('MEDIA_NOT_FOUND');
    expect(await putTo(reserved, voice.bytes)).toBeLessThan(300);
    await say();
  });

  test('a page that was uploaded as a picture can be neither said nor fetched', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, clientId } = await testSessions.connect();
    const mediaId = await upload(uploader(clientId), aPage);
    expect(await reasonOf(session.say([{ media: { mediaId } }], 'a'))).toBe('MEDIA_MISMATCH');
    expect(await reasonOf(mediaCall(uploader(clientId), 'GetMedia', { mediaId }))).toBe('MEDIA_MISMATCH');
  });

  test('a replay shows them, with URLs of its own', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session, welcome, clientId } = await testSessions.connect();
    const accepted = await session.say([inlinePart(picture)], 'a');
    await session.reply(accepted.messageId);
    await session.goodbye();
    const { session: back } = await testSessions.connect({ clientId, conversationId: welcome.conversationId });
    const replayed = await back.find('message', ({ messageId }) => messageId === accepted.messageId);
    const reply = await back.reply(accepted.messageId);
    expect(back.all('message')).toEqual([replayed, reply]);
    expect((await bytesOf(mediaIn(replayed)[0])).equals(picture.bytes)).toBe(true);
  });

  const replies: [what: string, sample: Sample, kinds: string[]][] = [
    ['a voice message is answered by text and voice', voice, ['KIND_VOICE']],
    ['a video is answered by text, voice and a picture', video, ['KIND_VOICE', 'KIND_IMAGE']],
    ['a picture is answered by text', picture, []],
  ];

  test.each(replies)('%s', async (_what, sample, kinds) => {
    await using testSessions = new TestSessions(server, shape);
    const { session } = await testSessions.connect();
    const reply = await session.reply((await session.say([inlinePart(sample)], 'a')).messageId);
    expect(reply.parts[0].text).not.toBe('');
    const media = mediaIn(reply);
    expect(media.map(({ kind }) => kind)).toEqual(kinds);
    for (const one of media) {
      expect(one.inlineData).toHaveLength(0);
      const bytes = await bytesOf(one);
      expect([bytes.length, sha256(bytes)]).toEqual([one.sizeBytes, one.sha256]);
    }
  });

  test('who wants the bytes of replies in the stream gets them there, in its place', async () => {
    await using testSessions = new TestSessions(server, shape);
    const { session } = await testSessions.connect({ inlineMedia: true });
    const first = await session.say([inlinePart(video)], 'a');
    const second = await session.text('And now?');
    await session.reply(second.messageId);
    const messages = session.all('message');
    expect(messages.map(({ replyToMessageId }) => replyToMessageId)).toEqual([first.messageId, second.messageId]);
    const media = mediaIn(messages[0]);
    expect(media).toHaveLength(2);
    for (const one of media) {
      expect([one.inlineData.length, sha256(one.inlineData)]).toEqual([one.sizeBytes, one.sha256]);
      expect(one.inlineData.equals(await bytesOf(one))).toBe(true);
    }
  });
});

describe('the bidirectional stream', () => {
  test('tells the refusal of a last message before it ends', async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    const { session } = await testSessions.connect();
    await session.ask('Hello');
    const refused = session.say([inlinePart(voice), inlinePart(aPage)], 'last');
    bidi(session).stream.end();
    expect(await reasonOf(refused)).toBe('MEDIA_MISMATCH');
    expect(await session.ended).toBeNull();
  });
});

describe('MediaService', () => {
  const ann = () => uploader('ann');

  const refusals: [what: string, over: object, reason: string][] = [
    ['too large', { sizeBytes: 8 * mebibyte + 1 }, 'MEDIA_TOO_LARGE'],
    ['empty', { sizeBytes: 0 }, 'FRAME_INVALID'],
    ['of a negative length', { sizeBytes: -1 }, 'FRAME_INVALID'],
    ['without a hash', { sha256: Buffer.alloc(0) }, 'FRAME_INVALID'],
    ['with half a hash', { sha256: Buffer.alloc(16) }, 'FRAME_INVALID'],
    ['of a type that is not taken', { contentType: 'text/html' }, 'MEDIA_TYPE_UNSUPPORTED'],
    ['of no kind', { kind: 'KIND_UNSPECIFIED' }, 'MEDIA_TYPE_UNSUPPORTED'],
    ["nobody's", { clientId: '' }, 'CLIENT_ID_INVALID'],
  ];

  test.each(refusals)('reserves nothing for what is %s', async (_what, over, reason) => {
    expect(await reasonOf(reserve(ann(), voice, over))).toBe(reason);
  });

  test('finds no object that never was', async () => {
    for (const mediaId of ['20261122-never', '', '../x'])
      expect(await reasonOf(mediaCall(ann(), 'GetMedia', { mediaId }))).toBe('NOT_FOUND');
  });

  test('makes a URL at each call, for a quarter of an hour', async () => {
    const mediaId = await upload(ann(), picture);
    const { media } = await mediaCall(ann(), 'GetMedia', { mediaId });
    expect(media).toMatchObject({ ...told(picture), mediaId, inlineData: Buffer.alloc(0) });
    expect(Math.abs(timestampMs(media.urlExpireTime) - Date.now() - quarterHourMs)).toBeLessThan(60_000);
    expect((await bytesOf(media)).equals(picture.bytes)).toBe(true);
  });
});

describe('the sweep', () => {
  test('removes what no message names, and nothing else', async () => {
    // Time enough, on any machine, for what is to be named to be named before it is of age.
    const env = { ...atOnce, ...sweepsAfter(5_000), PARLEY_MEDIA_SWEEP_INTERVAL_MS: '100' };
    await using own = await startServer({ env });
    await using testSessions = new TestSessions(own, 'bidi');
    const { session, welcome, clientId } = await testSessions.connect();
    const who = { address: own.address, clientId };
    const used = await upload(who, voice);
    const unused = await upload(who, picture);
    await session.say([{ media: { mediaId: used } }, inlinePart(picture)], 'a');
    await reserve(who, video);
    const has = (mediaId: string) =>
      mediaCall(who, 'GetMedia', { mediaId }).then(
        () => true,
        () => false,
      );
    expect(await has(unused)).toBe(true);
    await eventually(
      () => objects(own),
      (left) => !left.some((name) => name.includes(unused)),
    );
    expect(await has(unused)).toBe(false);
    expect(await reasonOf(session.say([{ media: { mediaId: unused } }], 'b'))).toBe('MEDIA_NOT_FOUND');
    // It is long of age, and stays.
    expect(await has(used)).toBe(true);
    await session.say([{ media: { mediaId: used } }], 'c');
    const history = clientOf('chat.v1.HistoryService', own.address);
    const { messages } = await call(history, 'ListMessages', { conversationId: welcome.conversationId });
    hangUp(history);
    expect(mediaIn(messages[0])).toHaveLength(2);
    for (const media of mediaIn(messages[0])) await bytesOf(media);
  });
});

/** Names of all files in the server's media folder. */
async function objects({ dataDir }: ParleyServer): Promise<string[]> {
  const entries = await readdir(join(dataDir, 'media'), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort();
}
