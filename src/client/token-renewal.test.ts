import { once } from 'node:events';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AccessToken, AccessTokens } from './access-tokens.ts';
import { Chat } from './chat.ts';
import { textOf } from './message-text.ts';
import { grpc } from './node/grpc.ts';
import { ScriptedServer } from './testing/scripted-server.ts';

let server: ScriptedServer;
const clients: Chat[] = [];

beforeEach(async () => {
  server = await new ScriptedServer().start();
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.abandon()));
  await server[Symbol.asyncDispose]();
});

/** Gives token after token, each to be renewed so many milliseconds from now. */
class CountingTokens implements AccessTokens {
  given = 0;
  renewInMs: number;

  constructor(renewInMs: number) {
    this.renewInMs = renewInMs;
  }

  async fresh(): Promise<AccessToken> {
    this.given += 1;
    return { text: `token-${this.given}`, renewAtMs: Date.now() + this.renewInMs };
  }
}

function clientWith(tokens: AccessTokens): Chat {
  const backoff = { initialMs: 5, maxMs: 20 };
  const client = new Chat({
    wire: grpc({ address: server.address }),
    clientId: '',
    timeZone: 'Asia/Tokyo',
    backoff,
    tokens,
  });
  clients.push(client);
  return client;
}

/** The first so many tokens that the server was shown on a stream that went on. */
async function renewed(count: number): Promise<readonly string[]> {
  const shown = () => server.frames.flatMap((frame) => (frame.$case === 'renewToken' ? [frame.value.accessToken] : []));
  while (shown().length < count) await once(server, 'frame');
  return shown().slice(0, count);
}

describe('a client that is signed in', () => {
  test('begins each stream with its token', async () => {
    const client = clientWith(new CountingTokens(900_000));
    await client.connect();
    expect(server.hellos).toMatchObject([{ clientId: '' }]);
    client.dropConnection();
    await client.send('again');
    expect(server.authorizations).toEqual(['Bearer token-1', 'Bearer token-2']);
  });

  test('tells the server each newer token before the former one expires', async () => {
    await clientWith(new CountingTokens(10)).connect();
    expect(await renewed(2)).toEqual(['token-2', 'token-3']);
    expect(server.hellos).toHaveLength(1);
  });

  test('comes back with a newer token when the server has ended the session of an old one', async () => {
    const client = clientWith(new CountingTokens(900_000));
    await client.connect();
    server.refuse({ code: status.UNAUTHENTICATED, reason: 'UNAUTHENTICATED' });
    expect(textOf(await (await client.send('still me')).reply)).toBe('You said: still me');
    expect(server.authorizations).toEqual(['Bearer token-1', 'Bearer token-2']);
  });

  test('ends when its token is refused at once', async () => {
    server.refusals.push({ code: status.UNAUTHENTICATED, reason: 'UNAUTHENTICATED' });
    const client = clientWith(new CountingTokens(900_000));
    await expect(client.connect()).rejects.toMatchObject({ reason: 'UNAUTHENTICATED' });
    expect(server.hellos).toHaveLength(1);
  });

  test('ends when there is no token to be had', async () => {
    const client = clientWith({ fresh: () => Promise.reject(new Error('The file is gone.')) });
    await expect(client.connect()).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
      message: 'The file is gone.',
    });
    expect(server.hellos).toHaveLength(0);
  });
});
