import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openSqliteLog } from '../adapters/sqlite/event-log/sqlite-log.ts';
import { startServer } from '../testing/server.ts';

let dataDir: string;
let holder: Server;
let taken: string;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'parley-port-'));
  holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const address = holder.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on a port');
  taken = `127.0.0.1:${address.port}`;
});

afterEach(async () => {
  await new Promise((resolve) => holder.close(resolve));
  await rm(dataDir, { recursive: true, force: true });
});

// A start that failed on a taken port had announced itself before, and left again: on Kafka that ended all sessions of the process that had the port.
test.each(['PARLEY_GRPC_LISTEN', 'PARLEY_HTTP_LISTEN'])(
  'a server that cannot have its port (%s) says nothing in the log',
  async (setting) => {
    const start = startServer({ dataDir, env: { [setting]: taken } });
    await expect(start).rejects.toThrow(`${setting}=${taken} cannot be listened on`);
    await using log = await openSqliteLog({ mode: 'read', dataDir });
    expect(await log.endOffset('parley.connections', 0)).toBe(0);
  },
);
