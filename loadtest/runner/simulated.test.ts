import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startServer } from '../../src/testing/server.ts';
import { TestSessions } from '../../src/testing/test-sessions.ts';
import type { DriverFigures, MessageLine } from '../driver/figures.ts';
import { withAboveSimulated, withSimulated } from './simulated.ts';

/** Waits so far apart that the reply to a message tells whether it is the one that was worked out for it. */
const settings = {
  PARLEY_SIMULATED_SEED: '11',
  PARLEY_SIMULATED_TEXT_DELAY_MS: '0-800',
  PARLEY_SIMULATED_VOICE_DELAY_MS: '5000',
  PARLEY_SIMULATED_PIECES: '3',
  PARLEY_SIMULATED_PIECE_INTERVAL_MS: '20',
};
const messages = 12;
/** Node rounds a wait down to whole milliseconds. */
const timerMs = 1;
let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-simulated-'));
  file = join(folder, 'messages.ndjson');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function worked(lines: readonly MessageLine[]): Promise<readonly number[]> {
  await writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const all: number[] = [];
  for await (const { simulatedMs } of withSimulated(file, settings)) all.push(simulatedMs);
  return all;
}

test('what is worked out for a message is what a real server lets its reply wait', async () => {
  await using server = await startServer({ env: settings });
  await using testSessions = new TestSessions(server, 'bidi');
  const lines = await Promise.all(
    Array.from({ length: messages }, async (_, index): Promise<MessageLine> => {
      const { session } = await testSessions.connect();
      const text = `What is number ${index}?`;
      const begun = performance.now();
      const { accepted } = await session.ask(text);
      const replyMs = performance.now() - begun;
      return { messageId: accepted.messageId, kind: 'text', text, saidAtMs: 0, replyMs };
    }),
  );
  const waits = await worked(lines);
  for (const [index, waitMs] of waits.entries()) {
    expect(lines[index]?.replyMs).toBeGreaterThanOrEqual(waitMs - timerMs);
  }
  // Others' waits do not fit so: the order in which replies come is that of the waits, and of nothing else.
  const longest = waits.indexOf(Math.max(...waits));
  const shortest = waits.indexOf(Math.min(...waits));
  expect(lines[longest]?.replyMs).toBeGreaterThan(lines[shortest]?.replyMs ?? Infinity);
});

test('the kind decides which wait it is, and the schedule of the pieces is added', async () => {
  const line = { messageId: 'm', text: '', saidAtMs: 0 };
  const [text = 0, voice, image] = await worked([
    { ...line, kind: 'text' },
    { ...line, kind: 'voice' },
    { ...line, kind: 'image' },
  ]);
  expect(text).toBeGreaterThanOrEqual(40);
  expect(text).toBeLessThanOrEqual(840);
  expect(voice).toBe(5_040);
  expect(image).toBe(text);
});

test('only replies that came are counted above what was simulated, each with its kind', async () => {
  const line = { messageId: 'm', text: '', saidAtMs: 0, kind: 'voice' } as const;
  await worked([{ ...line, replyMs: 5_050 }, { ...line, replyMs: 5_060 }, line]);
  const figures = { kinds: { voice: { said: 3, answered: 2 } } } as unknown as DriverFigures;
  const { voice } = (await withAboveSimulated(figures, file, settings)).kinds;
  expect(voice).toMatchObject({ said: 3, aboveSimulatedMs: { count: 2 } });
  expect(voice?.aboveSimulatedMs?.max).toBeCloseTo(20, 0);
  expect(voice?.aboveSimulatedMs?.min).toBeCloseTo(10, 0);
});

test('a server with a random seed cannot be worked out: that is said', async () => {
  await writeFile(file, `${JSON.stringify({ messageId: 'm', kind: 'text', text: '', saidAtMs: 0, replyMs: 1 })}\n`);
  const figures = { kinds: {} } as DriverFigures;
  await expect(withAboveSimulated(figures, file, { PARLEY_SIMULATED_SEED: 'random' })).rejects.toThrow(
    'before the messages did',
  );
});
