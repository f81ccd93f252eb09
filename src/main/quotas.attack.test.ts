import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openSqliteLog } from '../adapters/sqlite/event-log/sqlite-log.ts';
import { maxRecordsPerWrite } from '../app/rate-limits/client-writes.ts';
import { gatewayLeaseMs } from '../domain/limits.ts';
import { attackFromInside } from '../testing/attacks/insider.ts';
import { startTarget, type Target } from '../testing/attacks/target.ts';
import { dial } from '../testing/black-box-client.ts';
import { call, clientOf, type DynamicClient, hangUp } from '../testing/contract.ts';

/** Seconds of the attack; ten minutes by hand: `PARLEY_TEST_ATTACK_SECONDS=600 npm run test:attacks -- quotas`. */
const attackMs = 1_000 * Number(process.env['PARLEY_TEST_ATTACK_SECONDS'] ?? 8);

/** Few, so that an attack of seconds shows whether the bounds hold. */
const writesPerMinute = 60;
const messagesPerMinute = 120;
const maxTextBytes = 1_000;
const maxMediaBytes = 200_000;

/** Of one message and its reply: received, stopped, started, some of it, and its end. */
const maxRecordsPerMessage = 6;
/** Beside the words of a message: ids, times, headers and what a short reply says. */
const maxRecordBytes = 2_048;

let target: Target;
const clients: DynamicClient[] = [];
beforeAll(async () => {
  target = await startTarget({
    PARLEY_WRITES_PER_CLIENT_PER_MINUTE: String(writesPerMinute),
    PARLEY_MESSAGES_PER_CLIENT_PER_MINUTE: String(messagesPerMinute),
    PARLEY_MAX_TEXT_BYTES: String(maxTextBytes),
    PARLEY_MAX_MEDIA_BYTES_PER_CLIENT: String(maxMediaBytes),
    PARLEY_MAX_CLIENTS: '10',
    PARLEY_ERASURE_DELAY_MS: '0',
  });
});
afterAll(async () => {
  for (const client of clients) hangUp(client);
  await target?.[Symbol.asyncDispose]();
});

function client(service: string): DynamicClient {
  const made = clientOf(`chat.v1.${service}`, target.server.address);
  clients.push(made);
  return made;
}

/** What a bucket allows in this time, and one for the moment at which a token comes. */
const allowed = (perMinute: number, elapsedMs: number) => perMinute + Math.ceil((perMinute * elapsedMs) / 60_000) + 1;

/** What the log may grow by at most while one client attacks for so long, and others are let say so many messages. */
function maxLogGrowthBytes(elapsedMs: number, otherMessages: number): number {
  const writes = allowed(writesPerMinute, elapsedMs);
  const messages = allowed(messagesPerMinute, elapsedMs) + otherMessages;
  // The lease is renewed a few times in its time, and each session of the others has records of its own.
  const upkeep = Math.ceil((4 * elapsedMs) / gatewayLeaseMs) + 4 * maxRecordsPerWrite;
  const records = maxRecordsPerWrite * writes + maxRecordsPerMessage * messages + upkeep;
  return records * maxRecordBytes + messages * 2 * maxTextBytes;
}

/** Keys, values and headers of all that is in the log, and how many records there are. */
async function inLog(): Promise<{ readonly records: number; readonly bytes: number }> {
  await using log = await openSqliteLog({ mode: 'read', dataDir: target.server.dataDir });
  let [records, bytes] = [0, 0];
  for (const topic of ['parley.connections', 'parley.conversations'])
    for (let partition = 0; partition < log.partitions(topic); partition += 1)
      for (let offset = 0; ; ) {
        const batch = await log.read(topic, partition, offset, 5_000);
        const last = batch.at(-1);
        if (last === undefined) break;
        records += batch.length;
        for (const { key, value } of batch) bytes += Buffer.byteLength(key) + value.length;
        offset = last.offset + 1;
      }
  return { records, bytes };
}

/** One who says a word, waits for the answer, and says the next; resolves with what it was answered. */
async function talk(untilMs: number): Promise<{ readonly conversationId: string; readonly said: readonly string[] }> {
  const session = dial({ address: target.server.address, shape: 'bidi' }, { clientId: `honest-${randomUUID()}` });
  const { conversationId } = await session.welcome();
  const said: string[] = [];
  while (performance.now() < untilMs) {
    const { accepted, reply } = await session.ask('What time is it?');
    said.push(accepted.messageId, reply.messageId);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  session.drop();
  return { conversationId, said };
}

test(
  'a client that does all it may in tight loops fills neither log nor disk, and takes nothing from another',
  async () => {
    const attacker = `attacker-${randomUUID()}`;
    const insider = { address: target.server.address, clientId: attacker, textBytes: maxTextBytes };
    const before = await inLog();
    const startMs = performance.now();
    const [refused, honest] = await Promise.all([
      attackFromInside(insider, startMs + attackMs),
      talk(startMs + attackMs),
    ]);
    const elapsedMs = performance.now() - startMs;
    const after = await inLog();
    const grownBytes = after.bytes - before.bytes;
    const boundBytes = maxLogGrowthBytes(elapsedMs, honest.said.length / 2);
    const usage = await call(client('OperationsService'), 'GetUsage', { clientId: attacker });
    const reasons = JSON.stringify(Object.fromEntries(refused));
    console.info(
      `in ${Math.round(elapsedMs / 1_000)} s the log grew by ${after.records - before.records} records, ${grownBytes} bytes; at most ${boundBytes} are allowed. ` +
        `The attacker keeps ${usage.client.mediaBytes} bytes of media. Refused: ${reasons}. The other asked ${honest.said.length / 2} times`,
    );
    expect(grownBytes).toBeLessThan(boundBytes);
    expect(usage.client.mediaBytes).toBeLessThanOrEqual(maxMediaBytes);
    for (const reason of ['TOO_MANY_WRITES', 'TOO_MANY_MESSAGES']) expect(refused.get(reason)).toBeGreaterThan(0);
    const { messages } = await call(client('HistoryService'), 'ListMessages', {
      conversationId: honest.conversationId,
      newestFirst: true,
      pageSize: 100,
    });
    const kept = messages.map(({ messageId }: { messageId: string }) => messageId).reverse();
    expect(kept).toEqual(honest.said.slice(-kept.length));
    expect(kept.length).toBe(Math.min(honest.said.length, 100));
  },
  attackMs + 60_000,
);
