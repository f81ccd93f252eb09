import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { testSeeds } from '../random.ts';
import { runScript } from '../server.ts';
import { Mutator } from './mutator.ts';
import { fuzz, runFuzz, targetNames } from './run-fuzz.ts';
import type { FuzzInput, FuzzTarget } from './target.ts';

/** For each target and seed as many as take a few seconds: `npm run fuzz` sends as many as it is asked to. */
const inputs = 150;

describe.each(testSeeds)('what radamsa makes with seed %d', (seed) => {
  test.each(targetNames)('of %s harms neither the server nor the client beside it', async (name) => {
    const { faults, ...result } = await runFuzz(name, { inputs, seed });
    console.info(`${name}: ${JSON.stringify(result)}`);
    expect(faults).toEqual([]);
    expect(result).toMatchObject({ inputs, crashes: 0 });
    expect(result.honest).toBeGreaterThan(0);
  });
});

/** A target that does this with each input. */
function targetOf(act: (stop: () => Promise<unknown>) => Promise<string>): FuzzTarget {
  return {
    settings: {},
    inputs: async (server) => ({
      next: (): FuzzInput => ({ bytes: Buffer.from('input'), send: () => act(() => server.stop('SIGKILL')) }),
      async [Symbol.asyncDispose]() {},
    }),
    async [Symbol.asyncDispose]() {},
  };
}

test('a server that ends is a fault, and what its client has lost', async () => {
  const target = targetOf(async (stop) => {
    await stop();
    return 'ended';
  });
  const { crashes, faults } = await fuzz(target, { inputs: 3, seed: 1 });
  expect(crashes).toBe(1);
  expect(faults).toContainEqual('the server ended');
  expect(faults).toContainEqual(expect.stringMatching(/^the honest client cannot read its history/));
  expect(faults).toContainEqual(expect.stringMatching(/^the last inputs, in base64, are in /));
});

test('an answer that must not be is a fault', async () => {
  const target = targetOf(async () => {
    throw new Error('a token was taken');
  });
  const { crashes, faults } = await fuzz(target, { inputs: 3, seed: 1 });
  expect(crashes).toBe(0);
  expect(faults).toContainEqual('an input failed: Error: a token was taken');
});

test('the same octets and seed make the same input, another seed another', async () => {
  const made = async (seed: number) => {
    await using mutator = await Mutator.start();
    return await Promise.all(
      Array.from({ length: 20 }, (_, index) => mutator.mutate(Buffer.from('12 words'), seed + index)),
    );
  };
  const first = await made(1);
  expect(await made(1)).toEqual(first);
  expect(await made(100)).not.toEqual(first);
});

test('the command shows the figures of a target, and refuses one that there is not', async () => {
  const script = fileURLToPath(new URL('run.ts', import.meta.url));
  const run = (target: string) => runScript(script, ['--target', target, '--inputs', '20', '--seed', '7'], process.env);
  const { code, stdout } = await run('grpc');
  expect(stdout).toMatch(
    /^grpc, seed 7: 20 inputs, \d+ honest messages, grew by -?\d+ MiB, 0 crashes, 0 faults; answers \{/,
  );
  expect(code).toBe(0);
  expect(await run('nonsense')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('http2|tls|grpc|web|media|token'),
  });
});
