import { createServer } from 'node:http';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { describe, expect, test } from '@jest/globals';
import { listenGrpc, listenHttp } from './listening.ts';

describe('an address that cannot be listened on is told with its setting and the cause', () => {
  test('when the port is taken', async () => {
    const holder = createServer();
    const port = Number((await listenHttp(holder, { host: '127.0.0.1', port: 0 })).split(':')[1]);
    const address = { host: '127.0.0.1', port };
    const cause = 'cannot be listened on: another process listens there; stop it, or choose another port';
    const rpc = new Server();
    try {
      await expect(listenGrpc(rpc, address, ServerCredentials.createInsecure())).rejects.toMatchObject({
        name: 'CannotListen',
        message: `PARLEY_GRPC_LISTEN=127.0.0.1:${port} ${cause}`,
      });
      await expect(listenHttp(createServer(), address)).rejects.toMatchObject({
        name: 'CannotListen',
        message: `PARLEY_HTTP_LISTEN=127.0.0.1:${port} ${cause}`,
      });
    } finally {
      rpc.forceShutdown();
      holder.close();
    }
  });

  test('when this machine does not have it', async () => {
    // From the block for documentation: no machine has it.
    await expect(listenHttp(createServer(), { host: '192.0.2.1', port: 0 })).rejects.toMatchObject({
      message: 'PARLEY_HTTP_LISTEN=192.0.2.1:0 cannot be listened on: this machine does not have that address',
    });
  });
});
