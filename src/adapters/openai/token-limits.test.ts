import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { providerRequest, wholeReply } from '../../ports/contracts/provider.contract.ts';
import type { Provider, ProviderRequest } from '../../ports/provider.ts';
import { type OpenAiTestServer, startOpenAiTestServer } from '../../testing/openai-test-server.ts';
import { systemClock } from '../node/system-clock.ts';
import { openAiProvider } from './openai-provider.ts';

let server: OpenAiTestServer;
beforeAll(async () => {
  server = await startOpenAiTestServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

function provider(): Provider {
  const { baseUrl } = server;
  return openAiProvider({
    baseUrl,
    model: 'test-model',
    maxContextTokens: 1_000,
    maxOutputTokens: 500,
    clock: systemClock,
  });
}

describe('a limit', () => {
  const limits = { inputTokens: 700, outputTokens: 90 };

  async function sent(request: Partial<ProviderRequest>) {
    server.follow({ kind: 'reply', pieces: ['Hello.'] });
    await wholeReply(provider(), providerRequest({ limits, ...request }));
    return server.requests.at(-1)?.body as { readonly messages: readonly { readonly content: string }[] } & object;
  }

  test('is told to the server, and keeps what is sent of the conversation within it, by bytes', async () => {
    const history = Array.from({ length: 30 }, (_, turn) => [
      { role: 'user' as const, text: `Question ${turn}, about Zürich?` },
      { role: 'assistant' as const, text: `Answer ${turn}, about Zürich.` },
    ]).flat();
    const body = await sent({ history });
    expect(body).toMatchObject({ max_completion_tokens: 90 });
    const bytes = body.messages.reduce((sum, { content }) => sum + Buffer.byteLength(content) + 8, 0);
    expect(bytes).toBeLessThanOrEqual(700);
    expect(bytes).toBeGreaterThan(600);
    expect(Object.keys(await sent({ limits: undefined as never })).toSorted()).toEqual([
      'messages',
      'model',
      'stream',
      'stream_options',
    ]);
  });

  test('that the message itself does not keep is an error that no further attempt mends', async () => {
    const before = server.requests.length;
    await expect(sent({ text: 'x'.repeat(700) })).rejects.toMatchObject({ retryable: false });
    expect(server.requests).toHaveLength(before);
  });

  test('goes by its older name to a server that refuses the newer one, and at once the next time', async () => {
    const body = '{"error":{"message":"Unsupported parameter: max_completion_tokens"}}';
    server.follow((request) =>
      'max_completion_tokens' in request.body
        ? { kind: 'status', status: 400, body }
        : { kind: 'reply', pieces: ['Hello.'] },
    );
    const before = server.requests.length;
    const asking = provider();
    for (const _ of [1, 2]) expect(await wholeReply(asking, providerRequest({ limits }))).toEqual(['Hello.']);
    const asked = server.requests.slice(before).map((request) => 'max_tokens' in request.body);
    expect(asked).toEqual([false, true, true]);
  });

  test('is a bound of what an attempt sends: the least without the conversation, the most with all of it', async () => {
    const asking = provider();
    const message = providerRequest({ instructions: 'Be brief.', text: 'Où est la gare ?' });
    const { least, most } = asking.bounds(message);
    expect(most.outputTokens).toBe(500);
    for (const [history, bound] of [
      [[], least],
      [
        Array.from({ length: 200 }, () => ({ role: 'user' as const, text: 'Encore une question, s’il vous plaît ?' })),
        most,
      ],
    ] as const) {
      server.follow({ kind: 'reply', pieces: ['Hello.'] });
      await wholeReply(asking, { ...message, history });
      const { messages } = server.requests.at(-1)?.body ?? { messages: [] };
      const bytes = messages.reduce((sum, { content }) => sum + Buffer.byteLength(content as string) + 8, 0);
      expect(bytes).toBeLessThanOrEqual(bound.inputTokens);
      await wholeReply(asking, { ...message, history, limits: least });
    }
  });
});
