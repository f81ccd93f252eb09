import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { describe, expect, test } from '@jest/globals';
import { systemClock } from '../adapters/node/system-clock.ts';
import { AddressRanges, CallAddresses } from '../rpc/peer-address.ts';
import { UnfinishedRequests } from '../rpc/unfinished-requests.ts';
import { ConnectionGate } from './connection-gate.ts';
import { listenGrpc, listenHttp } from './listening.ts';

const metrics = { cut() {}, method: () => ({ started() {}, ended() {} }) };

function grpcPort(address: { readonly host: string; readonly port: number }) {
  const gate = new ConnectionGate({
    maxConnections: 10,
    maxConnectionsPerAddress: 10,
    addresses: new CallAddresses({
      trusted: new AddressRanges([]),
      trustedHops: 1,
      doorKey: 'door',
      allowUnnamedProxies: false,
    }),
    idleMs: 1_000,
    clock: systemClock,
    metrics,
  });
  const rpc = {
    server: new Server(),
    unfinished: new UnfinishedRequests(systemClock, metrics),
    outcasts: undefined,
    refusedCallers: { refusalBy: () => undefined },
  };
  const credentials = ServerCredentials.createInsecure();
  return listenGrpc(rpc, address, { credentials, gate, maxStreamsPerConnection: 10, metrics });
}

describe('an address that cannot be listened on is told with its setting and the cause', () => {
  test('when the port is taken', async () => {
    const holder = createServer();
    const port = Number((await listenHttp(holder, { host: '127.0.0.1', port: 0 })).split(':')[1]);
    const address = { host: '127.0.0.1', port };
    const cause = 'cannot be listened on: another process listens there; stop it, or choose another port';
    try {
      await expect(grpcPort(address)).rejects.toMatchObject({
        name: 'CannotListen',
        message: `PARLEY_GRPC_LISTEN=127.0.0.1:${port} ${cause}`,
      });
      await expect(listenHttp(createServer(), address)).rejects.toMatchObject({
        name: 'CannotListen',
        message: `PARLEY_HTTP_LISTEN=127.0.0.1:${port} ${cause}`,
      });
    } finally {
      holder.close();
    }
  });

  test('when this machine does not have it', async () => {
    // From the block for documentation: no machine has it.
    await expect(listenHttp(createServer(), { host: '192.0.2.1', port: 0 })).rejects.toMatchObject({
      message: 'PARLEY_HTTP_LISTEN=192.0.2.1:0 cannot be listened on: this machine does not have that address',
    });
    await expect(grpcPort({ host: '192.0.2.1', port: 0 })).rejects.toMatchObject({
      message: 'PARLEY_GRPC_LISTEN=192.0.2.1:0 cannot be listened on: this machine does not have that address',
    });
  });

  test('when there is no such host', async () => {
    await expect(grpcPort({ host: 'nowhere.invalid', port: 0 })).rejects.toMatchObject({
      message: 'PARLEY_GRPC_LISTEN=nowhere.invalid:0 cannot be listened on: there is no such host',
    });
  });
});

test('a name is listened on by each of its addresses', async () => {
  await using port = await grpcPort({ host: 'localhost', port: 0 });
  const [, number] = /^localhost:(\d+)$/.exec(port.address) ?? [];
  const found = await lookup('localhost', { all: true });
  for (const { address: host } of found) {
    const socket = connect(Number(number), host);
    await once(socket, 'connect');
    socket.destroy();
  }
});
