import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { formerRelease } from '../testing/former-release.ts';
import { childEnv, type ParleyServer, type Ran, runParley, runScript, startServer } from '../testing/server.ts';
import { eventually } from '../testing/test-sessions.ts';

let oldRoot: string;
let home: string;

beforeAll(async () => {
  oldRoot = await formerRelease('0.2.0');
  home = await mkdtemp(join(tmpdir(), 'parley-upgrade-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

/** Runs a command of the old release as olga. */
function oldParley({ address }: ParleyServer, input: string, ...args: readonly string[]): Promise<Ran> {
  const script = join(oldRoot, 'src/main/parley.ts');
  return runScript(script, [...args, '--address', address, '--client', 'olga'], childEnv({ HOME: home }), home, input);
}

async function asked(server: ParleyServer, text: string, ...options: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await oldParley(server, `${text}\n`, 'chat', ...options);
  expect({ code, stderr, hasReply: stdout.trim() !== '' }).toMatchObject({ code: 0, hasReply: true });
}

test('release 0.2 and its client: its folder is served by this release to that client, and refused by it then; a copy from before is not', async () => {
  const [dataDir, copy] = [join(home, 'data'), join(home, 'copy')];
  const old = await startServer({ dataDir, root: oldRoot });
  await using stack = new AsyncDisposableStack();
  stack.use(old);
  await asked(old, 'Before the upgrade');
  expect(await old.stop('SIGTERM')).toMatchObject({ code: 0 });
  await cp(dataDir, copy, { recursive: true });

  const upgraded = stack.use(await startServer({ dataDir, env: { PARLEY_GRPC_LISTEN: old.address } }));
  await asked(upgraded, 'After the upgrade');
  await eventually(
    async () => (await oldParley(upgraded, '', 'history')).stdout,
    (conversations) => /4 messages {2}Before the upgrade/.test(conversations),
  );
  expect(await upgraded.stop('SIGTERM')).toMatchObject({ code: 0 });
  expect(await runParley(['audit'], { PARLEY_DATA_DIR: dataDir })).toMatchObject({ code: 0 });

  await expect(startServer({ dataDir, root: oldRoot })).rejects.toThrow('has format 2 and this release reads 1');
  const back = stack.use(await startServer({ dataDir: copy, root: oldRoot, env: { PARLEY_GRPC_LISTEN: old.address } }));
  // What was said since the copy is not there: that conversation has less than the client has seen.
  await asked(back, 'After going back', '--new');
});
