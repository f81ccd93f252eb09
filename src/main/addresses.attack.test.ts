import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { delayedGuesses, grpcGuess, webGuess } from '../testing/attacks/sign-ins.ts';
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
