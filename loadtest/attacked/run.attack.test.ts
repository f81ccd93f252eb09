import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { runScript } from '../../src/testing/server.ts';

const script = fileURLToPath(new URL('./run.ts', import.meta.url));

async function attacked(...args: readonly string[]): Promise<{ readonly code: number | null; readonly said: string }> {
  const { code, stdout, stderr } = await runScript(script, args, process.env);
  return { code, said: stdout + stderr };
}

test('honest clients are answered beside all attacks at once, and what that costs is told', async () => {
  const { code, said } = await attacked('--seconds', '5', '--attackers', '40');
  if (code !== 0) throw new Error(`ended with ${code}\n${said}`);
  console.info(said);
  expect(said).toMatch(/^attacked: \d+ answered, p50 [\d.]+ ms, p99 [\d.]+ ms/m);
  expect(said).toMatch(/^attacks begun: \{.*"calls that are reset":\d+/m);
  expect(said).toMatch(
    /^p99 -?[\d.]+ ms above the worse of those alone, at first -?[\d.]+ ms; the server grew by -?\d+ MiB$/m,
  );
});

test('a way of attacking that there is not is refused with those that there are', async () => {
  const { code, said } = await attacked('--seconds', '1', '--way', 'nonsense');
  expect(code).not.toBe(0);
  expect(said).toContain('requests that do not end');
});
