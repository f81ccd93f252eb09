import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { runTool } from './run-tool.ts';

// `@latest` is an older one.
const version = '0.121.0';
const module = `github.com/bojand/ghz/cmd/ghz@v${version}`;
/** A first installation compiles some hundred packages on a slow machine; one that takes longer hangs. */
const installTimeoutMs = 15 * 60_000;

/**
 * The ghz to run: the one in the PATH, or else one under ~/.cache, installed from its module the first time. Rejects with the last words of `go`,
 * or naming it when the machine has neither.
 */
export async function ghz(): Promise<string> {
  if (await succeeds(runTool('ghz', ['--version']))) return 'ghz';
  const cache = join(homedir(), '.cache', 'parley-ghz');
  const folder = join(cache, version);
  const program = join(folder, 'ghz');
  if (await succeeds(access(program))) return program;

  console.error(`installing ghz ${version} in ${folder}`);
  await mkdir(cache, { recursive: true });
  const unfinished = await mkdtemp(join(cache, '.ghz-'));
  try {
    const install = ['go', 'install', '-ldflags=-s -w', module];
    await runTool('env', [`GOBIN=${unfinished}`, ...install], AbortSignal.timeout(installTimeoutMs));
    await rename(unfinished, folder);
  } catch (error) {
    // Another process may have installed it meanwhile.
    if (!(await succeeds(access(program))))
      throw new Error('ghz is not in the PATH, and could not be installed, which takes Go', { cause: error });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return program;
}

function succeeds(step: Promise<unknown>): Promise<boolean> {
  return step.then(
    () => true,
    () => false,
  );
}
