import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventLogContract, type LogUnderTest } from '../../../ports/contracts/event-log.contract.ts';
import { openSqliteLog } from './sqlite-log.ts';

eventLogContract('SQLite', async (partitions): Promise<LogUnderTest> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-log-'));
  const open = () => openSqliteLog({ mode: 'write', dataDir, topics: { events: partitions } });
  let log = await open();
  return {
    log,
    topic: 'events',
    reopen: async () => {
      await log[Symbol.asyncDispose]();
      log = await open();
      return log;
    },
    [Symbol.asyncDispose]: async () => {
      await log[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true });
    },
  };
});
