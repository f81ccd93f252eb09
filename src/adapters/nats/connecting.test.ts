import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { connectTo, parseServer } from './connecting.ts';
import { connectTimeoutMs } from './limits.ts';
import { Log, newPrefix, openBus, until } from './testing/buses.ts';

test.each([
  ['nats://n', { address: 'n:4222', host: 'n', port: 4_222, credentials: {} }],
  ['nats://n:1', { address: 'n:1', credentials: {} }],
  ['nats://[::1]:1', { address: '[::1]:1', credentials: {} }],
  ['nats://ann:p%40ss%3A@n:1', { address: 'n:1', credentials: { user: 'ann', pass: 'p@ss:' } }],
  ['nats://s3cret@n:1', { address: 'n:1', credentials: { token: 's3cret' } }],
  ['tls://n:1', { address: 'n:1', credentials: { tls: {} } }],
])('%s', (url, server) => {
  expect(parseServer(url)).toMatchObject(server);
});

test('no credentials get into what is logged', () => {
  expect(parseServer('nats://ann:hidden@n:1').address).not.toContain('hidden');
});

test('what is no URL is refused at once', async () => {
  await expect(openBus('no server', newPrefix())).rejects.toThrow('Invalid URL');
});

/** Takes connections and says nothing, as a frozen server does. */
async function silentServer() {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `nats://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    sockets,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}

test('a server that takes the connection and stays silent is given up, and no connection is left to it', async () => {
  await using server = await silentServer();
  const { signal } = new AbortController();
  const begun = performance.now();
  await expect(connectTo(parseServer(server.url), 'test', signal)).rejects.toThrow();
  expect(performance.now() - begun).toBeLessThan(5 * connectTimeoutMs);
  await until(() => server.sockets.size === 0);
});

test('closing does not wait for a server that stays silent', async () => {
  await using server = await silentServer();
  const bus = await openBus(server.url, newPrefix(), new Log());
  bus.publish('c', { type: 'piece', messageId: 'm', replyMessageId: 'r', attempt: 1, offsetBytes: 0, text: 'x' });
  expect([bus.isConnected(), bus.faults().unsent]).toEqual([false, 1]);
  await until(() => server.sockets.size > 0);
  const begun = performance.now();
  await bus[Symbol.asyncDispose]();
  expect(performance.now() - begun).toBeLessThan(0.75 * connectTimeoutMs);
  await until(() => server.sockets.size === 0);
});
