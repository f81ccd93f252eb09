import { expect, test } from '@jest/globals';
import { startServer } from '../../testing/server.ts';
import { Parley } from '../parley.ts';
import { grpc } from './grpc.ts';

/** Long enough for a busy machine, short of the session's own heartbeats. */
const pings = { pingIntervalMs: 300, pingTimeoutMs: 1_000 };

// connect-node removed its own listener before Node emitted the error, which ended the process.
test('a connection that answers no ping is given up, and nothing else is', async () => {
  await using server = await startServer({ env: { PARLEY_SIMULATED_TEXT_DELAY_MS: '0' } });
  using parley = new Parley({ wire: grpc({ address: server.address, ...pings }), clientId: 'ann', timeZone: 'UTC' });
  await using chat = await parley.chat();
  const lost = new Promise((resolve) => {
    chat.on('status', (status) => {
      if (status.state === 'reconnecting') resolve(status.refusal);
    });
  });
  server.pause();
  expect(await lost).toMatchObject({ codeName: 'UNAVAILABLE', message: 'PING timed out' });
  await new Promise((resolve) => setTimeout(resolve, 100));
  server.resume();
  await (await chat.send('hello')).reply;
});
