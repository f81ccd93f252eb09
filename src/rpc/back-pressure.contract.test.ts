import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { bidi, eventually, TestSessions } from '../testing/test-sessions.ts';

/*
 * Cause: frames that came before Welcome were queued without bound: 150 of 1 MiB held 183 MiB for one client in line.
 */

const frames = 150;
const text = 'x'.repeat(1_024 * 1_024);

/** What is not taken, what is read ahead, and the windows of HTTP/2: far below what is sent. */
const mostReadFrames = 20;

let server: ParleyServer;

beforeAll(async () => {
  server = await startServer({
    env: { PARLEY_MAX_CLIENTS: '1', PARLEY_MAX_WAITING_CLIENTS: '2', PARLEY_SIMULATED_TEXT_DELAY_MS: '0' },
  });
});
afterAll(() => server?.[Symbol.asyncDispose]());

/** Sends the frames; answers with how many the transport has taken so far. */
function flood(session: ReturnType<typeof bidi>): () => number {
  let sent = 0;
  for (let index = 0; index < frames; index += 1) {
    session.stream.write({ message: { clientMessageId: `m${index}`, parts: [{ text }] } }, () => {
      sent += 1;
    });
  }
  return () => sent;
}

async function standstill(count: () => number): Promise<number> {
  let last = -1;
  await eventually(
    async () => {
      const before = last;
      await wait(500);
      last = count();
      return last === before;
    },
    (stands) => stands,
  );
  return last;
}

describe('a client that sends before it is welcomed', () => {
  test('is not read faster than it is taken, and every frame has its answer in the end', async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    const { session: first } = await testSessions.connect();
    const session = bidi(testSessions.dial({ waitForSlotMs: 60_000 }));
    await session.find('waiting');
    const sent = flood(session);
    expect(await standstill(sent)).toBeLessThan(mostReadFrames);
    await first.goodbye();
    await session.find('rejected', ({ clientMessageId }) => clientMessageId === `m${frames - 1}`);
    const rejected = session.all('rejected');
    expect(new Set(rejected.map(({ reason }) => reason))).toEqual(new Set(['TEXT_TOO_LONG']));
    expect(rejected.map(({ clientMessageId }) => clientMessageId)).toEqual(
      Array.from({ length: frames }, (_, index) => `m${index}`),
    );
    await session.ping();
    await session.ask('and goes on');
    await session.goodbye();
  });

  test('gives its place up when it leaves while it is not read', async () => {
    await using testSessions = new TestSessions(server, 'bidi');
    const { session: first } = await testSessions.connect();
    const session = bidi(testSessions.dial({ waitForSlotMs: 60_000 }));
    await session.find('waiting');
    await standstill(flood(session));
    session.drop();
    const next = testSessions.dial({ waitForSlotMs: 60_000 });
    await next.find('waiting', ({ place }) => place === 1);
    await first.goodbye();
    await next.welcome();
  });
});
