import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { rounds } from '../../../testing/rounds.ts';
import { openForTest, placeOf, readAll, temporaryFolder } from './testing/logs.ts';

const kills = rounds({ usual: 3, long: 20 });
const script = fileURLToPath(new URL('./testing/append-until-killed.ts', import.meta.url));

/**
 * Runs a process that appends, kills it once it has had this many acknowledged, and returns what it was told: place to
 * key.
 */
async function appendAndKill(dataDir: string, round: number, acknowledgements: number): Promise<Map<string, string>> {
  const child = spawn(process.execPath, [script, dataDir, String(round)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.split('\n').length > acknowledgements) child.kill('SIGKILL');
  });
  await once(child, 'close');
  expect(child.signalCode).toBe('SIGKILL');
  const lines = output.slice(0, output.lastIndexOf('\n')).split('\n');
  return new Map(lines.map((line) => line.split(' ') as [string, string]));
}

describe('a killed process', () => {
  test('has lost nothing that it acknowledged, kill after kill, and leaves the folder free', async () => {
    await using folder = await temporaryFolder();
    const acknowledged = new Map<string, string>();
    for (let round = 1; round <= kills; round += 1) {
      for (const [place, key] of await appendAndKill(folder.path, round, round * 300)) acknowledged.set(place, key);
      await using log = await openForTest(folder.path);
      const stored = new Map<string, string>();
      for (const [topic, partitions] of log.topics) {
        for (let partition = 0; partition < partitions; partition += 1) {
          for (const record of await readAll(log, topic, partition)) stored.set(placeOf(record), record.key);
        }
      }
      const lost = [...acknowledged].filter(([place, key]) => stored.get(place) !== key);
      expect(lost).toEqual([]);
    }
    expect(acknowledged.size).toBeGreaterThan(kills * 300);
  });
});
