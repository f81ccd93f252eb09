import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { piecesOfReply, providerRequest, usedIn, wholeReply } from '../../ports/contracts/provider.contract.ts';
import type { Provider, ProviderError, ProviderRequest, Utterance } from '../../ports/provider.ts';
import { chunkData, type TestAnswer } from '../../testing/openai-test-answers.ts';
import { type OpenAiTestServer, startOpenAiTestServer } from '../../testing/openai-test-server.ts';
import { systemClock } from '../node/system-clock.ts';
import { openAiProvider } from './openai-provider.ts';
import type { OpenAiProviderSettings } from './settings.ts';

const apiKey = 'secret-key-of-the-test';

let server: OpenAiTestServer;

beforeAll(async () => {
  server = await startOpenAiTestServer();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

function provider(overrides: Partial<OpenAiProviderSettings> = {}): Provider {
  const { baseUrl } = server;
  return openAiProvider({
    baseUrl,
    apiKey,
    model: 'test-model',
    maxContextTokens: 1_000,
    maxOutputTokens: 500,
    clock: systemClock,
    ...overrides,
  });
}

async function said(answer: TestAnswer): Promise<readonly string[]> {
  server.follow(answer);
  return piecesOfReply(provider(), providerRequest());
}

/** The pieces that came, and the error that ended them. */
async function failure(
  answer: TestAnswer,
  overrides: Partial<OpenAiProviderSettings> = {},
): Promise<{ pieces: readonly string[]; error: ProviderError }> {
  server.follow(answer);
  const pieces: string[] = [];
  try {
    for await (const piece of provider(overrides).reply(providerRequest(), new AbortController().signal))
      if (typeof piece === 'string') pieces.push(piece);
  } catch (error) {
    return { pieces, error: error as ProviderError };
  }
  throw new Error('no error came');
}

describe('the stream', () => {
  test.each(['both', 'finish_reason', 'done'] as const)('is whole when it ends with %s', async (ending) => {
    expect(await said({ kind: 'reply', pieces: ['Hel', 'lo'], ending })).toEqual(['Hel', 'lo']);
  });

  test('may have roles, empty deltas, comments, usage, unknown fields and CRLF', async () => {
    const chunks = [
      ': keep-alive\r\n\r\n',
      'retry: 10\r\nwhatever: 1\r\n\r\n',
      'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\r\n\r\n',
      'data: {"choices":[{"index":0,"delta":{"content":null,"reasoning_content":"hm"}}]}\r\n\r\n',
      `id: 7\r\nevent: chunk\r\ndata: ${chunkData('Hi')}\r\n\r\n`,
      ': OPENROUTER PROCESSING\r\n\r\n',
      'data:{"choices":[{"index":0,"delta":{"content":" you"},"finish_reason":"stop"}]}\r\n\r\n',
      'data: {"choices":[],"usage":{"total_tokens":3}}\r\n\r\n',
      'data: [DONE]\r\n\r\n',
    ];
    expect(await said({ kind: 'raw', chunks })).toEqual(['Hi', ' you']);
  });

  test('ends with the reply although the server leaves the response open', async () => {
    const chunks = [`data: ${chunkData('Hi')}\n\n`, 'data: [DONE]\n\n'];
    // The last chunk of the response would come an hour later.
    expect(await said({ kind: 'raw', chunks: [chunks.join(''), ': late\n\n'], intervalMs: 3_600_000 })).toEqual(['Hi']);
    await server.idle();
  });

  test('uses connections again, although the end of a response comes a little after the reply', async () => {
    const chunks = [`data: ${chunkData('Hi')}\n\ndata: {"choices":[{"finish_reason":"stop"}]}\n\n`, 'data: [DONE]\n\n'];
    await using own = await startOpenAiTestServer({ script: { kind: 'raw', chunks, intervalMs: 5 } });
    for (let i = 0; i < 40; i++) await piecesOfReply(provider({ baseUrl: own.baseUrl }), providerRequest());
    expect(own.requests).toHaveLength(40);
    expect(own.acceptedConnections()).toBeLessThan(20);
  });
});

describe('a reply that was begun', () => {
  async function bodyOf(overrides: Partial<ProviderRequest>, settings: Partial<OpenAiProviderSettings> = {}) {
    server.follow({ kind: 'reply', pieces: ['on'] });
    await piecesOfReply(provider(settings), providerRequest(overrides));
    return server.requests.at(-1)?.body;
  }

  test('stands last, as the model’s own, and is not to be closed', async () => {
    const body = await bodyOf({ text: 'Hello', begun: 'Grüße ' });
    expect(body).toMatchObject({ continue_final_message: true, add_generation_prompt: false });
    expect(body?.messages.slice(-2)).toEqual([
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: 'Grüße ' },
    ]);
  });

  // Cause: whoever took over when all was said, but not written, was answered nothing, and began another reply.
  test('may have been all of it: then nothing follows; what the server refuses is refused all the same', async () => {
    const request = providerRequest({ begun: 'All said.' });
    server.follow({ kind: 'reply', pieces: [] });
    expect(await piecesOfReply(provider(), request)).toEqual([]);
    await expect(piecesOfReply(provider(), providerRequest())).rejects.toMatchObject({ retryable: true });
    server.follow({ kind: 'event', pieces: [], data: '{"choices":[{"delta":{},"finish_reason":"content_filter"}]}' });
    await expect(piecesOfReply(provider(), request)).rejects.toMatchObject({ retryable: false });
  });

  test('leaves no trace in the request when there is none', async () => {
    const body = await bodyOf({ text: 'Hello', history: [{ role: 'assistant', text: 'said before' }] });
    expect(Object.keys(body ?? {}).toSorted()).toEqual(['messages', 'model', 'stream', 'stream_options']);
    expect(body?.messages.at(-1)).toEqual({ role: 'user', content: 'Hello' });
  });

  test('takes its share of the tokens from what was said before', async () => {
    const history = [{ role: 'user', text: 'x'.repeat(900) }] as const;
    const fits = { maxContextTokens: 600 };
    expect((await bodyOf({ history, begun: 'y'.repeat(30) }, fits))?.messages).toHaveLength(4);
    expect((await bodyOf({ history, begun: 'y'.repeat(900) }, fits))?.messages).toHaveLength(3);
  });

  test('is gone on with only where the settings say so', () => {
    expect([provider().continues, provider({ continues: true }).continues]).toEqual([false, true]);
  });
});

const withEvent = (data: string): TestAnswer => ({ kind: 'event', pieces: ['Hel'], data });

describe('a fault in the stream', () => {
  test.each<[string, TestAnswer, string]>([
    ['an orderly end too early', { kind: 'cut', pieces: ['Hel'], by: 'end' }, 'the stream ended before the reply did'],
    ['half a JSON object', withEvent('{"choices":[{"del'), 'malformed stream: an event is not JSON'],
    ['JSON that is no object', withEvent('42'), 'malformed stream: an event is not an object'],
    ['choices that are no list', withEvent('{"choices":7}'), 'malformed stream: choices is not a list'],
    [
      'content that is no text',
      withEvent('{"choices":[{"delta":{"content":7}}]}'),
      'malformed stream: content is not text',
    ],
    [
      'an error object',
      withEvent('{"error":{"message":"busy","type":"server_error"}}'),
      'error in the stream (server_error)',
    ],
    [
      'an error object with a status',
      withEvent('{"error":{"message":"busy","code":502}}'),
      'error in the stream (502)',
    ],
    ['finish_reason error', withEvent('{"choices":[{"delta":{},"finish_reason":"error"}]}'), 'the provider broke off'],
    [
      'an error event',
      { kind: 'raw', chunks: [`data: ${chunkData('Hel')}\n\n`, 'event: error\ndata: {}\n\n'] },
      'error in the stream',
    ],
  ])('%s: what came stands, and another attempt may work', async (_, answer, message) => {
    const { pieces, error } = await failure(answer);
    expect(pieces).toEqual(['Hel']);
    expect(error).toMatchObject({ name: 'ProviderError', retryable: true, message });
  });

  test('a connection that is reset: another attempt may work', async () => {
    const { error } = await failure({ kind: 'cut', pieces: ['Hel'], by: 'reset' });
    expect(error).toMatchObject({ name: 'ProviderError', retryable: true });
  });

  test.each<[string, TestAnswer]>([
    [
      'an error that names the request',
      { kind: 'event', pieces: [], data: '{"error":{"message":"too long","code":"context_length_exceeded"}}' },
    ],
    [
      'an error with a status of the client’s',
      { kind: 'event', pieces: [], data: '{"error":{"message":"no","code":400}}' },
    ],
    [
      'a refusal by the content filter',
      { kind: 'event', pieces: [], data: '{"choices":[{"delta":{},"finish_reason":"content_filter"}]}' },
    ],
  ])('%s: no other attempt', async (_, answer) => {
    expect((await failure(answer)).error).toMatchObject({ name: 'ProviderError', retryable: false });
  });

  // Cause: with the address of a website as its base URL, a deployment told its users to send shorter messages.
  test('a page instead of a stream is no model server', async () => {
    const { error } = await failure({
      kind: 'raw',
      chunks: ['<html></html>'],
      contentType: 'text/html; charset=utf-8',
    });
    expect(error).toMatchObject({ retryable: false, fault: 'not a model server' });
    expect(error.message).toContain('the answer is text/html, not an event stream');
  });

  test('a reply without a word: another attempt may work', async () => {
    expect((await failure({ kind: 'reply', pieces: [] })).error).toMatchObject({
      name: 'ProviderError',
      retryable: true,
    });
  });

  test('an event without end is given up at 1 MiB, and the connection closed', async () => {
    const chunks = Array.from({ length: 64 }, () => 'x'.repeat(64 * 1024));
    const { error } = await failure({ kind: 'raw', chunks: ['data: ', ...chunks] });
    expect(error.message).toBe('malformed stream: an event is too long');
    await server.idle();
  });
});

describe('what a reply used', () => {
  const used = async (answer: TestAnswer) => {
    server.follow(answer);
    return usedIn(await wholeReply(provider(), providerRequest()));
  };

  test('is as the server says, behind the reply or with it', async () => {
    const usage = {
      prompt_tokens: 12,
      prompt_tokens_details: { cached_tokens: 8 },
      completion_tokens: 5,
      completion_tokens_details: { reasoning_tokens: 2 },
    };
    const told = { inputTokens: 12, cachedInputTokens: 8, outputTokens: 5, reasoningTokens: 2 };
    expect(await used({ kind: 'reply', pieces: ['Hello.'], usage })).toEqual(told);
    const last = JSON.stringify({ choices: [{ delta: {}, finish_reason: 'stop' }], usage });
    expect(await used({ kind: 'event', pieces: ['Hello.'], data: last })).toEqual(told);
    expect(server.requests.at(-1)?.body).toMatchObject({ stream_options: { include_usage: true } });
  });

  test.each<[string, object]>([
    ['no numbers', { prompt_tokens: 'many', completion_tokens: 5 }],
    ['less than nothing', { prompt_tokens: -1, completion_tokens: 5 }],
    ['more than the log can hold', { prompt_tokens: 2 ** 31, completion_tokens: 5 }],
  ])('is not known from %s', async (_, usage) => {
    expect(await used({ kind: 'reply', pieces: ['Hello.'], usage })).toEqual({});
  });

  test('takes nothing from a reply, whatever is wrong behind it', async () => {
    const finish = JSON.stringify({ choices: [{ delta: { content: 'Hello.' }, finish_reason: 'stop' }] });
    const chunks = [`data: ${finish}\n\n`, 'data: {"usage":\n\n'];
    server.follow({ kind: 'raw', chunks });
    expect(await wholeReply(provider(), providerRequest())).toEqual(['Hello.']);
  });

  test('is not asked for again of a server that refuses to say it', async () => {
    const body = '{"error":{"message":"Unknown parameter: stream_options"}}';
    server.follow((request) =>
      'stream_options' in request.body ? { kind: 'status', status: 400, body } : { kind: 'reply', pieces: ['Hello.'] },
    );
    const before = server.requests.length;
    const asking = provider();
    for (const _ of [1, 2]) expect(await wholeReply(asking, providerRequest())).toEqual(['Hello.']);
    const asked = server.requests.slice(before).map((request) => 'stream_options' in request.body);
    expect(asked).toEqual([true, false, false]);
  });
});

describe('a refusal', () => {
  test.each([
    [400, false],
    [401, false],
    [403, false],
    [404, false],
    [422, false],
    [307, false],
    [408, true],
    [429, true],
    [500, true],
    [502, true],
    [503, true],
  ])('HTTP %d: retryable %s', async (status, retryable) => {
    const { error } = await failure({ kind: 'status', status, headers: { location: '/elsewhere' } });
    expect(error).toMatchObject({
      name: 'ProviderError',
      retryable,
      // The path tells a wrong base URL from a model that is not there.
      message: status === 404 ? 'HTTP 404 from /v1/chat/completions' : `HTTP ${status}`,
      retryAfterMs: undefined,
    });
  });

  // Causes: a used-up quota comes as 429, and was asked for again like a limit of the minute; the others were told like any failure.
  test.each([
    [401, '', 'access denied'],
    [403, '', 'access denied'],
    [402, '', 'quota exceeded'],
    [404, '', 'model not found'],
    [400, '{"error":{"code":"model_not_found"}}', 'model not found'],
    [429, '{"error":{"type":"insufficient_quota"}}', 'quota exceeded'],
    [403, '{"error":{"type":"rate_limit_error"}}', 'access denied'],
  ])('HTTP %d %s is for an operator: %s', async (status, body, fault) => {
    const { error } = await failure({ kind: 'status', status, body });
    expect(error).toMatchObject({ retryable: false, fault });
  });

  // Cause: a rate limit at every attempt was told as a model that fails.
  test.each([
    [429, ''],
    [503, '{"error":{"type":"rate_limit_exceeded"}}'],
  ])('HTTP %d %s is a rate limit: another attempt may work', async (status, body) => {
    const { error } = await failure({ kind: 'status', status, body });
    expect(error).toMatchObject({ retryable: true, fault: 'rate limited' });
  });

  test.each([
    ['7', 7_000],
    ['0.5', 500],
    ['Wed, 04 Mar 2026 07:05:30 GMT', 30_000],
    ['Wed, 04 Mar 2026 07:04:30 GMT', 0],
    ['999999999', 3_600_000],
    ['soon', undefined],
  ])('Retry-After: %s is %s ms', async (header, retryAfterMs) => {
    const clock = { ...systemClock, nowMs: () => Date.UTC(2026, 2, 4, 7, 5) };
    const answer: TestAnswer = { kind: 'status', status: 429, headers: { 'retry-after': header } };
    expect((await failure(answer, { clock })).error).toMatchObject({ retryable: true, retryAfterMs });
  });

  test.each([
    ['{"error":{"message":"Rate limit\\nreached","type":"rate_limit_error"}}', 'HTTP 429 (rate_limit_error)'],
    [
      '{"error":{"message":"no","type":"invalid_request_error","code":"context_length_exceeded"}}',
      'HTTP 429 (context_length_exceeded)',
    ],
    ['{"error":{"message":"no","type":"requests","code":7}}', 'HTTP 429'],
    ['{"error":"slow down"}', 'HTTP 429'],
    ['{"detail":"slow down"}', 'HTTP 429'],
    ['{"type":"overloaded_error","message":"slow down"}', 'HTTP 429 (overloaded_error)'],
    ['<html>proxy</html>', 'HTTP 429'],
    ['null', 'HTTP 429'],
  ])('is told by its status, and by its kind if that is a known one: %s', async (body, message) => {
    expect((await failure({ kind: 'status', status: 429, body })).error.message).toBe(message);
  });

  // The error is logged, and a refusal quotes what it refuses: the texts of users, and keys, were in the process's log.
  test.each<[string, TestAnswer]>([
    ['its message', { kind: 'status', status: 400, body: '{"error":{"message":"flagged: private words"}}' }],
    ['its kind', { kind: 'status', status: 400, body: '{"error":{"type":"private words","code":"private words"}}' }],
    ['its page', { kind: 'status', status: 403, body: '<p>private words</p>' }],
    ['an error in the stream', withEvent('{"error":{"message":"private words","type":"private words"}}')],
    ['an event that is not JSON', withEvent('private words')],
    ['its finish reason', { kind: 'event', pieces: [], data: '{"choices":[{"finish_reason":"private words"}]}' }],
  ])('shows nothing of the text in %s', async (_, answer) => {
    const { error } = await failure(answer);
    expect(error.name).toBe('ProviderError');
    expect(inspect(error, { depth: null })).not.toMatch(/private/);
  });

  test.each([true, false])(
    'stands by its status when the body is incomplete (connection closed: %s)',
    async (breaksOff) => {
      const headers = { 'content-length': '100', 'retry-after': '3' };
      const { error } = await failure({ kind: 'status', status: 401, headers, body: '{"error"', breaksOff });
      expect(error).toMatchObject({ message: 'HTTP 401', retryable: false, retryAfterMs: 3_000 });
    },
  );

  test('a body without end is given up early', async () => {
    const chunk = 'x'.repeat(64 * 1024);
    let sentBytes = 0;
    function* endless(): Iterable<string> {
      for (;;) {
        sentBytes += chunk.length;
        yield chunk;
      }
    }
    await using own = await startOpenAiTestServer({ script: { kind: 'status', status: 500, body: endless() } });
    const reply = piecesOfReply(provider({ baseUrl: own.baseUrl }), providerRequest());
    await expect(reply).rejects.toMatchObject({ message: 'HTTP 500', retryable: true });
    await own.idle();
    // What the buffers of both sides hold; reading on would take hundreds of megabytes until the time limit.
    expect(sentBytes).toBeLessThan(32 * 1024 * 1024);
  });

  // Cause: whoever looked for the mistake had to know which address it was about.
  test('a server that is not there: another attempt may work, its host is told', async () => {
    const gone = await startOpenAiTestServer();
    const { baseUrl } = gone;
    await gone[Symbol.asyncDispose]();
    const { error } = await failure({ kind: 'stall' }, { baseUrl });
    const message = `the connection to the provider at ${new URL(baseUrl).host} failed: ECONNREFUSED`;
    expect(error).toMatchObject({ retryable: true, message });
  });
});

describe('giving up', () => {
  test.each<[string, TestAnswer]>([
    ['before the headers', { kind: 'stall' }],
    ['after a piece', { kind: 'stall', pieces: ['Well, '] }],
  ])('an abort %s closes the connection', async (_, answer) => {
    await using own = await startOpenAiTestServer({ script: answer });
    const abort = new AbortController();
    const reply = piecesOfReply(provider({ baseUrl: own.baseUrl }), providerRequest(), abort.signal);
    while (own.requests.length === 0) await new Promise(setImmediate);
    abort.abort(new Error('stopped'));
    await expect(reply).rejects.toBe(abort.signal.reason);
    await own.idle();
    while (own.openConnections() > 0) await new Promise(setImmediate);
  });

  test('a consumer that leaves off closes the connection', async () => {
    await using own = await startOpenAiTestServer({ script: { kind: 'stall', pieces: ['Well, '] } });
    for await (const _ of provider({ baseUrl: own.baseUrl }).reply(providerRequest(), new AbortController().signal))
      break;
    await own.idle();
    expect(own.requests).toHaveLength(1);
  });

  test('a call aborted beforehand never reaches the server', async () => {
    await using own = await startOpenAiTestServer();
    const reply = piecesOfReply(provider({ baseUrl: own.baseUrl }), providerRequest(), AbortSignal.abort());
    await expect(reply).rejects.toThrow('aborted');
    expect(own.requests).toEqual([]);
  });
});

describe('the request', () => {
  async function sent(request: Partial<ProviderRequest>, overrides: Partial<OpenAiProviderSettings> = {}) {
    await using own = await startOpenAiTestServer();
    await piecesOfReply(provider({ baseUrl: own.baseUrl, ...overrides }), providerRequest(request));
    const [first] = own.requests;
    if (first === undefined) throw new Error('no request came');
    return first;
  }

  const turns = (count: number): readonly Utterance[] =>
    Array.from({ length: count }, (_, i) => ({
      role: i % 2 === 0 ? 'user' : 'assistant',
      text: `turn ${i} `.padEnd(60, '.'),
    }));

  test('asks for a stream of the model, with the key', async () => {
    const { body, headers } = await sent({});
    expect(body).toMatchObject({ model: 'test-model', stream: true });
    expect(headers).toMatchObject({ authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' });
  });

  test('has no authorization without a key', async () => {
    expect((await sent({}, { apiKey: undefined })).headers).not.toHaveProperty('authorization');
  });

  test('goes to /chat/completions below the base URL, whose query stays', async () => {
    await using own = await startOpenAiTestServer();
    await piecesOfReply(provider({ baseUrl: `${own.baseUrl}/?api-version=1` }), providerRequest());
    expect(own.requests.map(({ path }) => path)).toEqual(['/v1/chat/completions?api-version=1']);
  });

  test('tells the model the client’s local time and zone', async () => {
    const { body } = await sent({ timeZone: 'Asia/Kolkata' }, { systemPrompt: 'Be brief.' });
    expect(body.messages[0]?.role).toBe('system');
    expect(body.messages[0]?.content).toBe(
      "Be brief.\n\nThe user's local time is Wednesday, 4 March 2026 at 12:35, time zone Asia/Kolkata.",
    );
  });

  test('has the person’s own instructions behind the operator’s, in the one system message', async () => {
    const { body } = await sent({ instructions: 'Answer in rhyme.' }, { systemPrompt: 'Be brief.' });
    expect(body.messages.map(({ role }) => role)).toEqual(['system', 'user']);
    expect(body.messages[0]?.content).toMatch(/^Be brief\.\n\n.*\n\nThe user has given .*:\nAnswer in rhyme\.$/);
  });

  test('has the whole history between prompt and message when it fits', async () => {
    const { body } = await sent({ text: 'And now?', history: turns(6) });
    expect(body.messages.slice(1)).toEqual([
      ...turns(6).map(({ role, text: content }) => ({ role, content })),
      { role: 'user', content: 'And now?' },
    ]);
  });

  test('keeps the newest of the history within the budget, beginning with the user', async () => {
    const maxContextTokens = 400;
    const { body } = await sent({ text: 'And now?', history: turns(100) }, { maxContextTokens });
    const kept = body.messages.slice(1, -1);
    expect(kept.length).toBeGreaterThan(4);
    expect(kept[0]?.role).toBe('user');
    expect(kept.map(({ content }) => content)).toEqual(
      turns(100)
        .slice(-kept.length)
        .map(({ text }) => text),
    );
    const bytes = Buffer.byteLength(
      body.messages.map(({ content }) => (typeof content === 'string' ? content : '')).join(''),
    );
    expect(bytes / 3).toBeLessThan(maxContextTokens);
    expect(bytes / 3).toBeGreaterThan(maxContextTokens / 2);
  });

  test('counts bytes, not characters: a history in Chinese is cut earlier', async () => {
    const history = (text: string): readonly Utterance[] =>
      Array.from({ length: 50 }, () => ({ role: 'user', text: text.repeat(40) }));
    const latin = await sent({ history: history('a') }, { maxContextTokens: 500 });
    const chinese = await sent({ history: history('中') }, { maxContextTokens: 500 });
    expect(chinese.body.messages.length).toBeLessThan(latin.body.messages.length);
    expect(chinese.body.messages.length).toBeGreaterThan(2);
  });

  test('has prompt and message even when they exceed the budget', async () => {
    const text = 'long '.repeat(1_000);
    const { body } = await sent({ text, history: turns(4) }, { maxContextTokens: 100 });
    expect(body.messages.map(({ role }) => role)).toEqual(['system', 'user']);
    expect(body.messages[1]?.content).toBe(text);
  });

  test('leaves out turns without text', async () => {
    const { body } = await sent({
      history: [
        { role: 'user', text: 'Hi' },
        { role: 'assistant', text: '' },
      ],
    });
    expect(body.messages.map(({ content }) => content).slice(1, -1)).toEqual(['Hi']);
  });
});

test.each<[string, Partial<OpenAiProviderSettings>]>([
  ['a base URL that is none', { baseUrl: `nonsense-${apiKey}` }],
  ['a base URL that is not HTTP', { baseUrl: `file:///${apiKey}` }],
  ['credentials in the base URL', { baseUrl: `http://user:${apiKey}@localhost/v1` }],
  ['a key that no header can carry', { apiKey: `${apiKey}\n` }],
  ['no model', { model: '' }],
  ['no budget', { maxContextTokens: 0 }],
])('refuses %s without showing a secret', (_, overrides) => {
  const make = () => provider(overrides);
  expect(make).toThrow();
  expect(make).not.toThrow(new RegExp(apiKey));
});
