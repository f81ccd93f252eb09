import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type FolderMediaStore, openFolderMediaStore } from '../../adapters/filesystem/folder-media-store.ts';
import { newMediaId } from '../../domain/media/media-id.ts';
import { MediaUnavailable } from '../../ports/media-store.ts';
import { sha256, voice } from '../../testing/media-samples.ts';
import { MediaSweeper, type MediaSweeperDeps } from './sweeper.ts';

const hourMs = 3_600_000;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const size = voice.bytes.length;

let folder: string;
let store: FolderMediaStore;
let nowMs: number;
let made: number;
/** What messages name, as far as history knows; what it will know is there once it has caught up. */
let named: Set<string>;
let onTheWay: Set<string>;
let caughtUps: number;

const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-sweeper-'));
  nowMs = Date.parse('2026-11-22T23:30:00Z');
  made = 0;
  caughtUps = 0;
  named = new Set();
  onTheWay = new Set();
  store = await openFolderMediaStore({
    folder,
    prefix: 'test',
    publicUrl: () => 'http://media.test',
    clock: { ...clock, sleep: async () => {} },
    maxObjectBytes: 1_000_000,
    onError: (error) => {
      throw error;
    },
  });
});

afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

function sweeper(over: Partial<MediaSweeperDeps> = {}): MediaSweeper {
  return new MediaSweeper({
    store,
    references: { references: async (ids) => new Map(ids.map((id) => [id, named.has(id) ? 1 : 0])) },
    conversations: {
      allWhole(ask) {
        caughtUps += 1;
        for (const mediaId of onTheWay) named.add(mediaId);
        return ask();
      },
    },
    clock: { ...clock, sleep: () => Promise.reject(new Error('no sleep here')) },
    logger: quiet,
    metrics: { mediaSwept() {} },
    settings: { sweepIntervalMs: 600_000, uploadLifetimeMs: hourMs },
    ...over,
  });
}

async function put(): Promise<string> {
  made += 1;
  const mediaId = newMediaId(`${made}`, nowMs);
  const described = { kind: 'voice', contentType: 'audio/mpeg', sizeBytes: size } as const;
  await store.put({ mediaId, ownerId: 'ann', ...described, sha256: sha256(voice.bytes).toString('hex') }, voice.bytes);
  return mediaId;
}

async function left(): Promise<string[]> {
  const ids: string[] = [];
  for await (const batch of store.list()) ids.push(...batch.map(({ mediaId }) => mediaId));
  return ids.sort();
}

test('removes what is of age and unused at two looks in a row, over the days', async () => {
  const [unused, used] = [await put(), await put()];
  named.add(used);
  nowMs += hourMs;
  const young = await put();
  const { look } = bound(sweeper());
  expect(await look()).toEqual({ objects: 0, bytes: 0 });
  expect(await left()).toEqual([unused, used, young].sort());
  expect(await look()).toEqual({ objects: 1, bytes: size });
  expect(await left()).toEqual([used, young].sort());
  nowMs += hourMs;
  await look();
  expect(await look()).toEqual({ objects: 1, bytes: size });
  expect(await left()).toEqual([used]);
});

test('keeps what is not of age, however often it is unused', async () => {
  const young = await put();
  nowMs += hourMs - 1;
  const { look } = bound(sweeper());
  for (let round = 0; round < 3; round += 1) expect(await look()).toEqual({ objects: 0, bytes: 0 });
  expect(await left()).toEqual([young]);
});

test('keeps what a message names whose record was on its way at the first look', async () => {
  const mediaId = await put();
  nowMs += hourMs;
  const { look } = bound(sweeper());
  await look();
  onTheWay.add(mediaId);
  expect(await look()).toEqual({ objects: 0, bytes: 0 });
  expect(await left()).toEqual([mediaId]);
});

test('removes what its conversation took with it, at two looks as well', async () => {
  const mediaId = await put();
  named.add(mediaId);
  nowMs += hourMs;
  const { look } = bound(sweeper());
  await look();
  named.clear();
  await look();
  expect(await left()).toEqual([mediaId]);
  await look();
  expect(await left()).toEqual([]);
});

test('asks history only once it has caught up, and forgets its suspects when a look fails', async () => {
  const mediaId = await put();
  nowMs += hourMs;
  let away = false;
  const { look } = bound(
    sweeper({
      references: {
        async references(ids) {
          if (away) throw new MediaUnavailable('away');
          return new Map(ids.map((id) => [id, 0]));
        },
      },
    }),
  );
  await look();
  away = true;
  await expect(look()).rejects.toBeInstanceOf(MediaUnavailable);
  away = false;
  await look();
  expect(await left()).toEqual([mediaId]);
  await look();
  expect(await left()).toEqual([]);
  expect(caughtUps).toBe(4);
});

test('goes on with the next look after one that failed, counts what it removed, and stops when told', async () => {
  await put();
  nowMs += hourMs;
  const swept: [number, number][] = [];
  const warnings: string[] = [];
  let sleeps = 0;
  let failures = 1;
  const subject: MediaSweeper = sweeper({
    clock: {
      ...clock,
      async sleep() {
        sleeps += 1;
        if (sleeps > 4) void subject.stop();
      },
    },
    conversations: {
      async allWhole(ask) {
        if (failures-- > 0) throw new Error('history is behind');
        return ask();
      },
    },
    logger: { ...quiet, warn: (_fields, message) => void warnings.push(message) },
    metrics: { mediaSwept: (objects, bytes) => void swept.push([objects, bytes]) },
  });
  subject.start();
  await until(() => sleeps > 4);
  await subject.stop();
  expect(warnings).toHaveLength(1);
  expect(swept).toEqual([
    [0, 0],
    [1, size],
    [0, 0],
  ]);
});

function bound(subject: MediaSweeper) {
  return { look: () => subject.look() };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
