import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { delayedGuesses, grpcGuess, webGuess } from '../../src/testing/attacks/sign-ins.ts';
import { type EnvoyEngine, startEnvoy } from '../../src/testing/engines/envoy.ts';
import { type ParleyServer, startServer } from '../../src/testing/server.ts';
import { ask, bytesOf, webCall } from './testing/requests.ts';

// The first one may have to install Envoy. Everybody here has an address that the gateway trusts, as pods in a cluster's range had.
/** Of 40 guesses: 20 are free, as back-off.ts has it, and a few more where the machine is slow. */
const leastDelayed = 15;

let server: ParleyServer;
let envoy: EnvoyEngine;

beforeAll(async () => {
  server = await startServer({ env: { PARLEY_AUTH: 'accounts', PARLEY_TRUSTED_PROXIES: '127.0.0.0/8,192.0.2.0/24' } });
  envoy = await startEnvoy({ gateways: [server] });
});
afterAll(async () => {
  for (const resource of [envoy, server]) await resource?.[Symbol.asyncDispose]();
});

test('guesses under forged addresses are counted by the address that Envoy sees', async () => {
  const byGrpc = await delayedGuesses(grpcGuess(envoy.address), ['192.0.2.1']);
  expect(byGrpc).toBeGreaterThanOrEqual(leastDelayed);
  expect(await delayedGuesses(webGuess(envoy.origin))).toBeGreaterThanOrEqual(leastDelayed);
});

describe('a page under a name that is not of this machine (DNS rebinding)', () => {
  const describeSignIn = 'AccountService/DescribeSignIn';
  const port = () => envoy.address.split(':')[1];
  const headersOf = (name: string) => ({ host: name, origin: `http://${name}` });

  test.each(['evil.example', 'evil.example:8090', 'localhost.evil.example', '127.0.0.1.evil.example'])(
    '%s reaches neither calls nor pages',
    async (name) => {
      const called = await webCall(envoy.origin, describeSignIn, new Uint8Array(), { headers: headersOf(name) });
      expect(called.statusCode).toBe(404);
      const page = await ask(envoy.origin, '/docs', { headers: headersOf(name) });
      expect(page.statusCode).toBe(404);
      expect(String(await bytesOf(page))).not.toContain('ChatService');
    },
  );

  test.each(['localhost', '127.0.0.1', '[::1]', 'chat.localhost'])('%s does, with a port and without', async (name) => {
    for (const host of [name, `${name}:${port()}`]) {
      const called = await webCall(envoy.origin, describeSignIn, new Uint8Array(), { headers: headersOf(host) });
      expect([host, String(await bytesOf(called))]).toEqual([host, expect.stringMatching(/grpc-status:\s*0/)]);
    }
  });
});
