import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runScript } from '../src/testing/server.ts';
import type { LoadResult } from './result.ts';

const script = fileURLToPath(new URL('./run.ts', import.meta.url));
let out: string;
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), 'parley-results-'));
});
afterAll(() => rm(out, { recursive: true, force: true }));

async function load(...args: readonly string[]): Promise<{ readonly code: number | null; readonly said: string }> {
  const { code, stdout, stderr } = await runScript(script, args, process.env);
  return { code, said: stdout + stderr };
}

test('a scenario is run, checked and written, all by one command', async () => {
  const { code, said } = await load('published', '--quick', '--out', out);
  if (code !== 0) throw new Error(`ended with ${code}\n${said}`);
  expect((await readdir(out)).sort()).toEqual(['published-embedded.html', 'published-embedded.json']);
  expect(said).toContain(join(out, 'published-embedded.html'));
  const { driver, verdict, system, aims } = JSON.parse(
    await readFile(join(out, 'published-embedded.json'), 'utf8'),
  ) as LoadResult;
  expect(driver.answered).toBeGreaterThan(10);
  for (const kind of ['text', 'voice', 'video'] as const) {
    const { answered = 0, aboveSimulatedMs, replyMs } = driver.kinds[kind] ?? {};
    expect(answered).toBeGreaterThan(0);
    expect(aboveSimulatedMs?.count).toBe(answered);
    // What is above is a part of the whole: the videos alone wait for 200 ms.
    expect(aboveSimulatedMs?.mean).toBeLessThan(replyMs?.mean ?? 0);
  }
  expect(verdict).toMatchObject({ audit: { breaches: [] }, unfinished: 0 });
  expect(verdict.audit.records).toBeGreaterThan(3 * driver.answered);
  expect(Math.max(...system.map(({ sessions }) => sessions))).toBeGreaterThan(0);
  expect(aims.find(({ name }) => name === 'Failures')).toMatchObject({ figure: 0, isMet: true });
});

test.each([
  [['nonsense'], 'there is no scenario nonsense'],
  [['published', '--profile', 'other'], '--profile is embedded or distributed, not other'],
])('%j is refused with what would be right', async (args, message) => {
  const { code, said } = await load(...args);
  expect(code).toBe(1);
  expect(said).toContain(message);
});
