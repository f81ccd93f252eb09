import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { childEnv, type ParleyServer, startServer } from '../../src/testing/server.ts';
import { drive } from './drive.ts';
import type { DriverFigures, DriverTick, MessageLine } from './figures.ts';
import type { Kind, Load } from './load.ts';

/** So short that seconds suffice, and long enough that things are under way at any time. */
const delays = {
  PARLEY_SIMULATED_TEXT_DELAY_MS: '0-30',
  PARLEY_SIMULATED_VOICE_DELAY_MS: '10-50',
  PARLEY_SIMULATED_VIDEO_DELAY_MS: '10-50',
  PARLEY_SIMULATED_PIECE_INTERVAL_MS: '3',
};
const noViolations = { wrongReply: 0, hole: 0, repeat: 0, piecesDiffer: 0, disorder: 0, historyDiffers: 0 };

const text = { share: 2, bytes: { min: 40, max: 44 }, by: 'message' } as const;
const allKinds: Load['mix'] = {
  text,
  voice: { share: 1, bytes: { min: 60_000, max: 64_000 }, by: 'message' },
  video: { share: 1, bytes: { min: 140_000, max: 146_000 }, by: 'upload' },
  image: { share: 1, bytes: { min: 1, max: 20_000 }, by: 'upload' },
};

const load: Load = {
  seed: 7,
  protocol: 'grpc',
  clients: 5,
  arrivalsPerSecond: 50,
  durationMs: 2_000,
  // Until everything is answered, however slow the machine.
  settleMs: 60_000,
  pace: { loop: 'closed', thinkMs: { min: 0, max: 20 } },
  mix: { text },
  waitForSlotMs: 0,
  idleClients: 0,
  toleratesKills: false,
};

let folder: string;
let server: ParleyServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-load-'));
  server = await startServer({ env: { ...delays, PARLEY_MAX_CLIENTS: '8', PARLEY_MAX_PENDING_PER_CLIENT: '10' } });
});

afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

interface Driven {
  readonly figures: DriverFigures;
  readonly ticks: readonly DriverTick[];
  readonly lines: readonly MessageLine[];
}

async function driven(over: Partial<Load>): Promise<Driven> {
  const { address, httpAddress } = server;
  const messagesFile = join(folder, 'messages');
  const ticks: DriverTick[] = [];
  const target = { address, httpAddress, load: { ...load, ...over }, messagesFile };
  const figures = await drive(target, (tick) => ticks.push(tick));
  const written = await readFile(messagesFile, 'utf8');
  const lines = written.split('\n').filter((line) => line !== '');
  return { figures, ticks, lines: lines.map((line) => JSON.parse(line) as MessageLine) };
}

/** All that was said was answered, and rightly. */
function expectNothingWrong({ figures, ticks, lines }: Driven): void {
  expect([figures.violationExamples, figures.violations]).toEqual([[], noViolations]);
  const kinds = Object.values(figures.kinds);
  const sum = (count: (one: (typeof kinds)[number]) => number) => kinds.reduce((all, one) => all + count(one), 0);
  expect(figures.answered).toBeGreaterThan(0);
  expect([sum(({ said }) => said), sum(({ accepted }) => accepted)]).toEqual([figures.answered, figures.answered]);
  expect(sum(({ lost }) => lost)).toBe(0);
  expect(lines).toHaveLength(figures.answered);
  expect(lines.every(({ replyMs }) => replyMs !== undefined)).toBe(true);
  expect(ticks.reduce((all, { answered }) => all + answered, 0)).toBe(figures.answered);
  expect(figures.ticks).toEqual(ticks);
}

const wanted: readonly Kind[] = ['text', 'voice', 'video', 'image'];

describe.each(['grpc', 'grpc-web'] as const)('over %s', (protocol) => {
  test('clients say things of all kinds, one after the other, beside idle ones and readers of history', async () => {
    const told = await driven({
      protocol,
      mix: allKinds,
      // Each kind is to be said, however slow the machine.
      durationMs: 5_000,
      idleClients: 2,
      historyReads: { perSecond: 20, pageSize: 10 },
    });
    expectNothingWrong(told);
    const { kinds, errors, connectMs, historyReadMs, refusedClients } = told.figures;
    expect([errors, refusedClients]).toEqual([{}, 0]);
    expect(connectMs.count).toBe(load.clients + 2);
    expect(Math.max(...told.ticks.map(({ connected }) => connected))).toBe(load.clients + 2);
    expect(historyReadMs.count).toBeGreaterThan(0);
    for (const kind of wanted) {
      const { answered, acceptedMs, firstPieceMs, replyMs } = kinds[kind] as NonNullable<(typeof kinds)[Kind]>;
      expect([acceptedMs.count, firstPieceMs.count, replyMs.count]).toEqual([answered, answered, answered]);
      expect(acceptedMs.min).toBeLessThanOrEqual(firstPieceMs.min);
      expect(firstPieceMs.min).toBeLessThanOrEqual(replyMs.min);
    }
    expect(kinds.video?.meanBytes).toBeGreaterThanOrEqual(140_000);
    expect(kinds.text?.meanBytes).toBeGreaterThanOrEqual(40);
  });

  test('clients lose their connections again and again, and nothing else', async () => {
    const told = await driven({
      protocol,
      mix: allKinds,
      storm: { reconnects: 4, withinMs: 1_200, fromMs: 300 },
    });
    expectNothingWrong(told);
    expect(told.figures.errors).toEqual({});
    expect(told.figures.resumedMs.count).toBe(4 * load.clients);
  });
});

test('a burst over every limit is counted as refusals: of clients, and of messages, which the chat sends again until they are accepted', async () => {
  const told = await driven({ clients: 10, arrivalsPerSecond: 0, pace: { loop: 'burst', messagesPerClient: 15 } });
  const { figures } = told;
  expect([figures.violationExamples, figures.violations]).toEqual([[], noViolations]);
  const refused = figures.errors['TOO_MANY_PENDING'] ?? 0;
  expect(figures.errors).toEqual({ TOO_MANY_CLIENTS: 2, TOO_MANY_PENDING: refused });
  expect(figures.refusedClients).toBe(2);
  expect(refused).toBeGreaterThan(0);
  expect(figures.kinds.text).toMatchObject({ said: 8 * 15, answered: 8 * 15, lost: 0 });
});

test('an open loop says all that is due, and whoever waits for a place gets that of who leaves', async () => {
  const told = await driven({
    clients: 12,
    arrivalsPerSecond: 0,
    durationMs: 6_000,
    pace: { loop: 'open', messagesPerSecond: 20 },
    waitForSlotMs: 30_000,
    stayMs: { min: 1_000, max: 1_500 },
  });
  expectNothingWrong(told);
  expect(told.figures.connectMs.count).toBe(12);
  expect(Math.max(...told.ticks.map(({ connected }) => connected))).toBeLessThanOrEqual(8);
  expect(told.figures.health.latenessMs.count).toBeGreaterThanOrEqual(told.figures.answered);
});

test('slow readers are answered, and their slowness is no figure of the server; who says things by a clock of its own is measured against it', async () => {
  const told = await driven({
    pace: { loop: 'every', everyMs: { min: 200, max: 300 } },
    slowReaders: { clients: 2, bytesPerSecond: 20_000 },
  });
  expectNothingWrong(told);
  expect(told.figures.health.latenessMs.count).toBe(told.figures.answered);
  const { answered = 0, replyMs } = told.figures.kinds.text ?? {};
  expect(replyMs?.count).toBeGreaterThan(0);
  expect(replyMs?.count).toBeLessThan(answered);
});

test('a server that is killed and comes back is resumed, and has lost nothing', async () => {
  const killed = (async () => {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    server = await server.restart();
  })();
  const told = await driven({ toleratesKills: true, mix: allKinds, durationMs: 4_000 });
  await killed;
  expectNothingWrong(told);
  expect(told.figures.errors).toEqual({});
  expect(told.figures.resumedMs.count).toBeGreaterThan(0);
});

test('the process tells why it could not run', async () => {
  const path = join(folder, 'target.json');
  const nobody = { address: '127.0.0.1:1', httpAddress: '127.0.0.1:1', messagesFile: join(folder, 'none') };
  await writeFile(path, JSON.stringify({ ...nobody, load: { ...load, durationMs: 2_000 } }));
  const script = fileURLToPath(new URL('./run.ts', import.meta.url));
  const child = spawn(process.execPath, [script, path], { env: childEnv({}), stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += String(chunk);
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect([code, said]).toEqual([1, expect.stringContaining('no client was welcomed: 5 × UNAVAILABLE')]);
});
