import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { mediaIn, providerRequest, requestMedia, usedIn, wholeReply } from '../../ports/contracts/provider.contract.ts';
import { MediaMissing, MediaUnavailable } from '../../ports/media-store.ts';
import type { ProviderError, ProviderRequest, ReplyPiece, RequestMedia } from '../../ports/provider.ts';
import {
  bytesAnswer,
  echoAnswer,
  jsonAnswer,
  pictureAnswer,
  sample,
  type TestAnswer,
} from '../../testing/openai-test-answers.ts';
import { type MediaEndpoint, type OpenAiTestServer, startOpenAiTestServer } from '../../testing/openai-test-server.ts';
import { assertProperty } from '../../testing/property.ts';
import { systemClock } from '../node/system-clock.ts';
import { maxImageBytes, maxShownBytes, maxSpeechBytes, maxTranscribedBytes } from './limits.ts';
import { beginningOf } from './making.ts';
import { openAiProvider } from './openai-provider.ts';
import type { OpenAiProviderSettings } from './settings.ts';

const apiKey = 'secret-key-of-the-test';
const allModels = { transcriptionModel: 'ear', speechModel: 'mouth', speechVoice: 'alto', imageModel: 'brush' };
const textOnly = { transcriptionModel: '', speechModel: '', imageModel: '' };

let server: OpenAiTestServer;
beforeAll(async () => {
  server = await startOpenAiTestServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const recording = requestMedia('voice', 'audio/mpeg', sample('voice.mp3'));
const film = requestMedia('video', 'video/mp4', sample('clip.mp4'));
const photo = requestMedia('image', 'image/png', sample('picture.png'));
const voice: Partial<ProviderRequest> = { media: [recording], text: '', replyKind: 'voice' };
const video: Partial<ProviderRequest> = { media: [film], text: '', replyKind: 'video' };

/** Media that claim a length, and of which nobody asks the bytes. */
function claiming(sizeBytes: number, of: RequestMedia): RequestMedia {
  return { ...of, sizeBytes, bytes: () => Promise.reject(new Error('nobody should ask')) };
}

function provider(settings: Partial<OpenAiProviderSettings> = {}, { baseUrl } = server) {
  const common = {
    baseUrl,
    apiKey,
    model: 'test-model',
    maxContextTokens: 8_000,
    maxOutputTokens: 500,
    clock: systemClock,
  };
  return openAiProvider({ ...common, ...allModels, ...settings });
}

/** What the endpoint answers while the operation runs. */
async function answering<T>(endpoint: MediaEndpoint, answer: TestAnswer, operation: () => Promise<T>): Promise<T> {
  server.followMedia({ [endpoint]: answer });
  return operation().finally(() => server.followMedia({}));
}

/** The reply, the message as the model got it, and the requests to the other endpoints. */
async function replyTo(request: Partial<ProviderRequest>, settings: Partial<OpenAiProviderSettings> = {}) {
  const [chats, others] = [server.requests.length, server.mediaRequests.length];
  const pieces = await wholeReply(provider(settings), providerRequest(request));
  const messages = server.requests[chats]?.body.messages ?? [];
  return { pieces, messages, content: messages.at(-1)?.content, asked: server.mediaRequests.slice(others) };
}

/** The error that ended the reply, and what came before it. */
async function failureOf(request: Partial<ProviderRequest>): Promise<{ error: ProviderError; pieces: ReplyPiece[] }> {
  const pieces: ReplyPiece[] = [];
  try {
    for await (const piece of provider().reply(providerRequest(request), new AbortController().signal))
      pieces.push(piece);
  } catch (error) {
    return { error: error as ProviderError, pieces };
  }
  throw new Error('no error came');
}

describe('listening', () => {
  test('sends each sound to be transcribed, and what is heard is what the user said', async () => {
    const wav = requestMedia('voice', 'audio/wav', sample('voice.wav'));
    const { pieces, content, asked } = await replyTo({ ...voice, text: 'Listen:', media: [recording, wav] });
    expect(content).toBe('Listen:\nThese are 2016 bytes.\nThese are 12844 bytes.');
    // Nobody says how long the sounds are: by their bytes.
    expect(pieces.slice(0, 4)).toEqual([
      { type: 'generating' },
      { type: 'usage', soundInMs: 252 },
      { type: 'generating' },
      { type: 'usage', soundInMs: 252 + 1_606 },
    ]);
    expect(asked[0]).toMatchObject({
      endpoint: 'transcriptions',
      headers: { authorization: `Bearer ${apiKey}`, accept: 'application/json' },
      fields: { model: 'ear', response_format: 'json' },
      file: { name: 'voice.mp3', type: 'audio/mpeg', bytes: new Uint8Array(sample('voice.mp3')) },
    });
    expect(asked[1]).toMatchObject({ file: { name: 'voice.wav', type: 'audio/wav' } });
  });

  test('counts as long as the server says that it is', async () => {
    const heard = jsonAnswer({ text: 'Hello.', usage: { type: 'duration', seconds: 7 } });
    const { pieces } = await answering('transcriptions', heard, () => replyTo({ ...voice, media: [recording] }));
    expect(usedIn(pieces)).toMatchObject({ soundInMs: 7_000 });
  });

  test('without a model is left out: the model is told that there was something', async () => {
    const { content, pieces, asked } = await replyTo({ ...voice, media: [recording, film] }, textOnly);
    expect(content).toBe('[a voice message, MP3, 2.02 kB]\n[a video, MP4, 1.69 kB]');
    expect(pieces.filter((piece) => typeof piece !== 'string').map(({ type }) => type)).toEqual(['usage']);
    expect(asked).toEqual([]);
  });

  test('to a video hears its sound, and names the video too', async () => {
    expect((await replyTo(video)).content).toBe('[a video, MP4, 1.69 kB, in which is said:]\nThese are 1692 bytes.');
  });

  test.each([400, 415, 422])('to a video without sound, which is refused with %d, hears nothing', async (status) => {
    const { content } = await answering('transcriptions', { kind: 'status', status }, () => replyTo(video));
    expect(content).toBe('[a video, MP4, 1.69 kB, without speech]');
  });

  test('to silence hears nothing', async () => {
    const { content } = await answering('transcriptions', jsonAnswer({ text: ' \n' }), () => replyTo(voice));
    expect(content).toBe('[a voice message, MP3, 2.02 kB, without speech]');
  });

  test('does not begin with what is too large', async () => {
    const { content, asked } = await replyTo({ ...voice, media: [claiming(maxTranscribedBytes + 1, recording)] });
    expect(content).toBe('[a voice message, MP3, 25 MB]');
    expect(asked.map(({ endpoint }) => endpoint)).toEqual(['speech']);
  });

  test('to a voice that is refused fails', async () => {
    const answer: TestAnswer = { kind: 'status', status: 400, body: '{"error":{"message":"no such format"}}' };
    const { error, pieces } = await answering('transcriptions', answer, () => failureOf(voice));
    expect(error).toMatchObject({ name: 'ProviderError', retryable: false, message: 'HTTP 400' });
    expect(pieces).toEqual([{ type: 'generating' }]);
  });

  test.each([
    [new MediaUnavailable('away'), true],
    [new MediaMissing('gone'), false],
  ])('to what the store does not give fails: %s', async (cause, retryable) => {
    const lost: RequestMedia = { ...recording, bytes: () => Promise.reject(cause) };
    const { error } = await failureOf({ ...voice, media: [lost] });
    expect(error).toMatchObject({ name: 'ProviderError', retryable, message: 'what was sent cannot be read', cause });
  });
});

describe('a picture', () => {
  const picture: Partial<ProviderRequest> = { media: [photo], text: 'What is this?' };
  const shown = {
    type: 'image_url',
    image_url: { url: `data:image/png;base64,${sample('picture.png').toString('base64')}` },
  };

  test('is shown to a model that takes pictures', async () => {
    expect((await replyTo(picture, { vision: true })).content).toEqual([
      { type: 'text', text: 'What is this?' },
      shown,
    ]);
    expect((await replyTo({ ...picture, text: '' }, { vision: true })).content).toEqual([shown]);
  });

  test('is named to one that does not', async () => {
    expect((await replyTo(picture)).content).toBe('What is this?\n[a picture, PNG, 7.2 kB]');
  });

  test('is named, not read, when it would be too much with those before it', async () => {
    const large = claiming(maxShownBytes - 7_000, photo);
    const { content } = await replyTo({ ...picture, media: [photo, large, { ...photo }] }, { vision: true });
    expect(content).toEqual([{ type: 'text', text: 'What is this?\n[a picture, PNG, 21 MB]' }, shown, shown]);
  });

  test('takes its share of the budget for history', async () => {
    const history = Array.from({ length: 100 }, () => ({ role: 'user', text: 'x'.repeat(300) }) as const);
    const [with_, without] = [
      await replyTo({ ...picture, history }, { vision: true }),
      await replyTo({ ...picture, history }),
    ];
    expect(without.messages.length - with_.messages.length).toBeGreaterThan(10);
    expect(with_.messages.length).toBeGreaterThan(10);
  });
});

test('media of earlier messages are named by their sort, those of replies not at all', async () => {
  const { messages } = await replyTo({
    history: [
      { role: 'user', text: 'Look', media: ['video', 'image'] },
      { role: 'assistant', text: 'I see.', media: ['voice', 'image'] },
      { role: 'user', text: '', media: ['voice'] },
    ],
  });
  expect(messages.slice(1, -1).map(({ content }) => content)).toEqual([
    'Look\n[a video]\n[a picture]',
    'I see.',
    '[a voice message]',
  ]);
});

describe('the voice of a reply', () => {
  test('is the text, spoken', async () => {
    const { pieces, asked } = await replyTo({ ...voice, text: 'Good morning' });
    const text = pieces.filter((piece) => typeof piece === 'string').join('');
    expect(asked.at(-1)).toMatchObject({
      endpoint: 'speech',
      headers: { authorization: `Bearer ${apiKey}` },
      fields: { model: 'mouth', voice: 'alto', input: text, response_format: 'mp3' },
    });
    expect(mediaIn(pieces)).toEqual([
      { type: 'media', kind: 'voice', contentType: 'audio/mpeg', bytes: sample('voice.mp3') },
    ]);
  });

  test('may be another format than was asked for', async () => {
    const answer = bytesAnswer('application/octet-stream', sample('voice.wav'));
    const { pieces } = await answering('speech', answer, () => replyTo(voice));
    expect(mediaIn(pieces)).toMatchObject([{ contentType: 'audio/wav' }]);
  });

  test('is that of the beginning of a long text', async () => {
    server.follow({ kind: 'reply', pieces: ['One sentence. '.repeat(400)] });
    const { asked } = await replyTo(voice).finally(() => server.follow(({ text }) => echoAnswer(text)));
    const input = String(asked.at(-1)?.fields['input']);
    expect(input.length).toBeLessThanOrEqual(4_096);
    expect(input).toMatch(/One sentence\.$/);
  });

  test('is left out without a model', async () => {
    const { pieces } = await replyTo(video, { speechModel: '' });
    expect(mediaIn(pieces).map(({ kind }) => kind)).toEqual(['image']);
  });
});

describe('the picture of a reply', () => {
  test('is painted after the text', async () => {
    const { pieces, asked } = await replyTo(video);
    const text = pieces.filter((piece) => typeof piece === 'string').join('');
    expect(asked.at(-1)).toMatchObject({
      endpoint: 'images',
      fields: { model: 'brush', n: 1, response_format: 'b64_json' },
    });
    expect(asked.at(-1)?.fields['prompt']).toMatch(/^A picture, without any writing, /);
    expect(String(asked.at(-1)?.fields['prompt']).endsWith(`: ${text}`)).toBe(true);
    expect(mediaIn(pieces)[1]).toEqual({
      type: 'media',
      kind: 'image',
      contentType: 'image/jpeg',
      bytes: sample('picture.jpg'),
    });
  });

  test('is asked for as each family of models wants it', async () => {
    const { asked } = await replyTo(video, { imageModel: 'gpt-image-1' });
    expect(asked.at(-1)?.fields).toMatchObject({ output_format: 'jpeg' });
    expect(asked.at(-1)?.fields).not.toHaveProperty('response_format');
  });

  test.each([
    ['image/png', sample('picture.png')],
    ['image/webp', Buffer.from('RIFF\x10\0\0\0WEBPVP8 ', 'latin1')],
  ])('may be of %s', async (contentType, bytes) => {
    const { pieces } = await answering('images', pictureAnswer(bytes), () => replyTo(video));
    expect(mediaIn(pieces)[1]).toMatchObject({ contentType, bytes });
  });

  test('is left out without a model, and in replies to voice', async () => {
    expect(mediaIn((await replyTo(video, { imageModel: '' })).pieces).map(({ kind }) => kind)).toEqual(['voice']);
    expect(mediaIn((await replyTo(voice)).pieces).map(({ kind }) => kind)).toEqual(['voice']);
  });
});

describe.each<[MediaEndpoint, Partial<ProviderRequest>]>([
  ['transcriptions', voice],
  ['speech', voice],
  ['images', video],
])('a fault of %s', (endpoint, request) => {
  test.each<[string, TestAnswer, object]>([
    [
      'too many requests',
      { kind: 'status', status: 429, headers: { 'retry-after': '7' }, body: '{"error":{"message":"slow down"}}' },
      { retryable: true, retryAfterMs: 7_000, message: 'HTTP 429' },
    ],
    ['a fault of the server', { kind: 'status', status: 500 }, { retryable: true, message: 'HTTP 500' }],
    ['a wrong key', { kind: 'status', status: 401, body: apiKey }, { retryable: false, message: 'HTTP 401' }],
    [
      'an endpoint that is not there',
      { kind: 'status', status: 404 },
      { retryable: false, message: expect.stringMatching(/^HTTP 404 from \/\S+$/) },
    ],
    ['a connection that is reset', { kind: 'cut', pieces: [], by: 'reset' }, { retryable: true }],
  ])('%s is reported like one of the chat', async (_what, answer, expected) => {
    const { error } = await answering(endpoint, answer, () => failureOf(request));
    expect(error).toMatchObject({ name: 'ProviderError', ...expected });
    expect(error.message).not.toContain(apiKey);
  });

  test.each<[string, TestAnswer]>([
    ['a page', { kind: 'raw', contentType: 'text/html', chunks: ['<html></html>'] }],
    ['nothing', { kind: 'raw', chunks: [''] }],
    ['an object of another sort', jsonAnswer({ data: [{ url: 'http://127.0.0.1:1/picture.png' }] })],
    ['a list of nothing', jsonAnswer([])],
    ['a number', jsonAnswer(7)],
    ['Base64 of a page', pictureAnswer(Buffer.from('<html></html>'))],
  ])('%s is none of its answers', async (_what, answer) => {
    const { error, pieces } = await answering(endpoint, answer, () => failureOf(request));
    expect(error).toMatchObject({ name: 'ProviderError', message: expect.stringMatching(/answer of|transcript/) });
    expect(mediaIn(pieces).map(({ kind }) => kind)).toEqual(endpoint === 'images' ? ['voice'] : []);
  });

  test('a text that is not JSON is not quoted', async () => {
    const answer: TestAnswer = { kind: 'raw', contentType: 'application/json', chunks: ['private words'] };
    const { error } = await answering(endpoint, answer, () => failureOf(request));
    expect(inspect(error, { depth: null })).not.toMatch(/private/);
  });

  test('more than it may answer is cut off, and the connection closed', async () => {
    const chunk = 'a'.repeat(256 * 1_024);
    const maxBytes = { transcriptions: 1_048_576, speech: maxSpeechBytes, images: maxImageBytes }[endpoint];
    let sentBytes = 0;
    function* endless(): Iterable<string> {
      for (;;) {
        sentBytes += chunk.length;
        yield chunk;
      }
    }
    const answer: TestAnswer = { kind: 'status', status: 200, body: endless() };
    const { error } = await answering(endpoint, answer, () => failureOf(request));
    expect(error).toMatchObject({ retryable: false, message: expect.stringMatching(/^an answer of over \d+ bytes$/) });
    await server.idle();
    // The rest is what the buffers of both sides hold.
    expect(sentBytes).toBeLessThan(2 * maxBytes + 32 * 1_024 * 1_024);
  });

  test.each<[string, TestAnswer]>([
    ['before its head', { kind: 'stall' }],
    ['within its body', { kind: 'stall', pieces: ['a'] }],
  ])('a stall %s lasts until the call is aborted, which closes the connection', async (_where, answer) => {
    await using own = await startOpenAiTestServer();
    own.followMedia({ [endpoint]: answer });
    const abort = new AbortController();
    const reply = async () => {
      for await (const _ of provider({}, own).reply(providerRequest(request), abort.signal));
    };
    const ended = reply();
    while (!own.mediaRequests.some((asked) => asked.endpoint === endpoint)) await new Promise(setImmediate);
    abort.abort(new Error('stopped'));
    await expect(ended).rejects.toBe(abort.signal.reason);
    await own.idle();
    expect(own.mediaRequests.map((asked) => asked.endpoint).at(-1)).toBe(endpoint);
  });
});

test('the beginning of a text is one of it, within the length, and ends with a sentence or a word where it can', () => {
  const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.lorem({ maxCount: 40, mode: 'sentences' }));
  assertProperty(
    fc.property(text, fc.integer({ min: 1, max: 300 }), (whole, maxChars) => {
      const beginning = beginningOf(whole, maxChars);
      expect(beginning.length).toBeLessThanOrEqual(maxChars);
      expect(whole.isWellFormed() && !beginning.endsWith('\ufffd') ? whole.startsWith(beginning) : true).toBe(true);
      if (whole.length <= maxChars) expect(beginning).toBe(whole);
    }),
    { numRuns: 2_000 },
  );
  expect(beginningOf('One two. Three four. Five', 22)).toBe('One two. Three four.');
  expect(beginningOf('one two three four five', 15)).toBe('one two three');
  expect(beginningOf('x'.repeat(50), 10)).toBe('x'.repeat(10));
});

test('refuses a voice without a name', () => {
  expect(() => provider({ speechVoice: '' })).toThrow(TypeError);
});
