import { Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { maxAddressRefusedCalls, refusedRequestCalls } from '../domain/connection-limits.ts';
import { answerOf, callHead, openConnection, unfinishedCall } from '../testing/attacks/calls.ts';
import { delayedGuesses, grpcGuess, webGuess } from '../testing/attacks/sign-ins.ts';
import { portOf } from '../testing/attacks/target.ts';
import { call, clientOf, hangUp } from '../testing/contract.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';

/*
 * Cause: x-forwarded-for was read from its end for as long as its entries were in PARLEY_TRUSTED_PROXIES. A client whose own address is in that range,
 * such as another pod or container, had the proxy append it, and the server went on to what the client itself had written before it.
 */

/** Of 40 guesses: 20 are free, as back-off.ts has it, and a few more where the machine is slow. */
const leastDelayed = 15;

let server: ParleyServer;
beforeAll(async () => {
  server = await startServer({
    env: { PARLEY_AUTH: 'accounts', PARLEY_TRUSTED_PROXIES: '127.0.0.1,192.0.2.0/24' },
  });
});
afterAll(() => server?.[Symbol.asyncDispose]());

// This test is the proxy at 127.0.0.1: it appends the address of its client to what the client wrote.
describe.each([
  ['by gRPC', () => grpcGuess(server.address), '192.0.2.9'],
  ['by gRPC-Web', () => webGuess(`http://${server.httpAddress}`), '192.0.2.10'],
])('%s, a client whose address is in a trusted range is counted by it', (_, guess, client) => {
  test('whatever it wrote before', async () => {
    expect(await delayedGuesses(guess(), [client])).toBeGreaterThanOrEqual(leastDelayed);
  });

  test('also with further addresses of that range', async () => {
    expect(await delayedGuesses(guess(), ['192.0.2.200', '127.0.0.1', client])).toBeGreaterThanOrEqual(leastDelayed);
  });

  test('and nobody else waits for it', async () => {
    expect(await guess()('nobody', '203.0.113.1')).toBe('UNAUTHENTICATED');
  });
});

test('what a client that is no trusted proxy writes is not believed', async () => {
  await using direct = await startServer({ env: { PARLEY_AUTH: 'accounts', PARLEY_TRUSTED_PROXIES: '192.0.2.0/24' } });
  expect(await delayedGuesses(grpcGuess(direct.address), ['192.0.2.9'])).toBeGreaterThanOrEqual(leastDelayed);
});

/*
 * Cause: what an address may have refused was counted by connection, and a proxy's are those of many: whoever came by Envoy was never shut out.
 */
test('behind a proxy, too, an address whose calls are refused again and again is shut out, but for who proves who they are', async () => {
  const [attacker, other] = ['192.0.2.20', '192.0.2.21'] as const;
  const client = clientOf('chat.v1.AccountService', server.address);
  const from = (address: string, method: string, request: object, accessToken?: string) => {
    const metadata = new Metadata();
    metadata.set('x-forwarded-for', address);
    if (accessToken !== undefined) metadata.set('authorization', `Bearer ${accessToken}`);
    return call(client, method, request, undefined, metadata);
  };
  const { tokens } = await from(attacker, 'SignUp', { userName: 'neighbour', password: 'correct horse' });
  const session = await openConnection(portOf(server.address));
  const head = callHead('/chat.v1.ChatService/Chat', { 'x-forwarded-for': attacker, 'grpc-encoding': 'gzip' });
  for (let count = 0; count <= maxAddressRefusedCalls / refusedRequestCalls; count += 1)
    await answerOf(unfinishedCall(session, head, Buffer.alloc(0)));
  session.destroy();
  const stranger = { refreshToken: 'none' };
  await expect(from(attacker, 'RefreshTokens', stranger)).rejects.toMatchObject({ reason: 'TOO_MANY_ATTEMPTS' });
  await expect(from(other, 'RefreshTokens', stranger)).rejects.toMatchObject({ reason: 'REFRESH_TOKEN_INVALID' });
  await expect(from(attacker, 'SignOutEverywhere', {}, tokens.accessToken)).resolves.toEqual({});
  hangUp(client);
});
