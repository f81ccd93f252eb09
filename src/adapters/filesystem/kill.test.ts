import { spawn } from 'node:child_process';
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import type { MediaStore, StoredMedia } from '../../ports/media-store.ts';
import { seededRandom } from '../../testing/random.ts';
import { rounds } from '../../testing/rounds.ts';
import { systemClock } from '../node/system-clock.ts';
import { openFolderMediaStore } from './folder-media-store.ts';
import { temporaryFolder } from './testing/served-store.ts';

const kills = rounds({ usual: 3, long: 20 });
const script = fileURLToPath(new URL('./testing/put-until-killed.ts', import.meta.url));

/** Runs a process that puts, kills it a moment after it has had this many acknowledged, and returns what it was told: id to hash. */
async function putAndKill(folder: string, acknowledgements: number, momentMs: number): Promise<Map<string, string>> {
  const child = spawn(process.execPath, [script, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  let isDoomed = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (isDoomed || output.split('\n').length <= acknowledgements) return;
    isDoomed = true;
    // Not at an acknowledgement, but anywhere between two.
    setTimeout(() => child.kill('SIGKILL'), momentMs);
  });
  await once(child, 'close');
  expect(child.signalCode).toBe('SIGKILL');
  const lines = output.slice(0, output.lastIndexOf('\n')).split('\n');
  return new Map(lines.map((line) => line.split(' ') as [string, string]));
}

function open(folder: string) {
  return openFolderMediaStore({
    folder,
    prefix: 'test',
    publicUrl: () => 'http://nowhere',
    clock: systemClock,
    maxObjectBytes: 1,
    onError: (error) => {
      throw error;
    },
  });
}

/** Every object, its bytes compared with what it says of them. */
async function wholeObjects(store: MediaStore): Promise<Map<string, string>> {
  const found: StoredMedia[] = [];
  for await (const batch of store.list()) found.push(...batch);
  for (const { mediaId, sha256 } of found) {
    expect(hash('sha256', await store.read(mediaId), 'hex')).toBe(sha256);
  }
  return new Map(found.map(({ mediaId, sha256 }) => [mediaId, sha256]));
}

describe('a killed process', () => {
  test('has lost no object that it acknowledged, kill after kill, and leaves nothing half', async () => {
    await using folder = await temporaryFolder();
    const random = seededRandom();
    const acknowledged = new Map<string, string>();
    let leftPartial = 0;
    for (let round = 1; round <= kills; round += 1) {
      const told = await putAndKill(folder.path, 50 + Math.floor(random() * 100), random() * 20);
      for (const [mediaId, sha256] of told) acknowledged.set(mediaId, sha256);
      const partial = join(folder.path, 'test', 'partial');
      leftPartial += (await readdir(partial)).length;
      await using store = await open(folder.path);
      expect(await readdir(partial)).toEqual([]);
      const stored = await wholeObjects(store);
      expect([...acknowledged].filter(([mediaId, sha256]) => stored.get(mediaId) !== sha256)).toEqual([]);
      await store.removePartial(0);
      const names = (await readdir(join(folder.path, 'test'), { recursive: true })).filter((name) => /\/./.test(name));
      expect(names).toHaveLength(2 * stored.size);
    }
    console.info(`${acknowledged.size} acknowledged, ${leftPartial} partial files left by ${kills} kills`);
    expect(acknowledged.size).toBeGreaterThan(kills * 50);
    expect(leftPartial).toBeGreaterThan(0);
  });
});
