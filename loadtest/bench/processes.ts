import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Task } from './client.ts';

const readyTimeoutMs = 10 * 60_000;
const root = fileURLToPath(new URL('../../', import.meta.url));

/** The options for Node that `npm start` gives: the server is measured as users run it. */
const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { scripts: { start: string } };
const startOptions = scripts.start.split(' ').filter((word) => word.startsWith('--'));

/** A server under test, in a process of its own. */
export interface Started extends AsyncDisposable {
  readonly address: string;
  readonly pid: number;
  /** From spawn to the line that says where it listens. */
  readonly startMs: number;
}

/** Nothing of this process's environment gets in: a stray setting would be measured. */
function node(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  options: readonly string[] = [],
): ChildProcess {
  return spawn(process.execPath, [...options, `${root}${script}`, ...args], {
    env: { ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('close', resolve));
}

async function start(child: ChildProcess, listening: RegExp): Promise<Started> {
  const begun = performance.now();
  const over = ended(child);
  const address = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${child.spawnargs[1]} does not listen`)), readyTimeoutMs);
    let output = '';
    child.stdout?.on('data', (chunk) => {
      output += String(chunk);
      const where = listening.exec(output)?.[1];
      if (where === undefined) return;
      clearTimeout(timer);
      resolve(where);
    });
    void over.then((code) => reject(new Error(`${child.spawnargs[1]} ended with ${code}\n${output}`)));
  });
  const startMs = performance.now() - begun;
  const stop = async () => {
    child.kill('SIGTERM');
    await over;
  };
  return { address, pid: child.pid ?? 0, startMs, [Symbol.asyncDispose]: stop };
}

/** Starts `parley serve` with its default limits, quiet, on this data folder. */
export function startParley(dataDir: string, settings: Readonly<Record<string, string>>): Promise<Started> {
  const env = {
    PARLEY_GRPC_LISTEN: '127.0.0.1:0',
    PARLEY_HTTP_LISTEN: '127.0.0.1:0',
    PARLEY_DATA_DIR: dataDir,
    PARLEY_LOG_LEVEL: 'warn',
    PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
    ...settings,
  };
  return start(node('src/main/parley.ts', ['serve'], env, startOptions), /^parley is listening: grpc (\S+)/m);
}

/** Starts the bare echo. */
export function startEcho(): Promise<Started> {
  return start(node('loadtest/bench/echo-server.ts', [], {}), /^echo is listening: (\S+)/m);
}

/** Runs a script to its end and gives the last line of its output, parsed. Rejects when it fails. */
export async function runJson<T>(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<T> {
  const child = node(script, args, env);
  let output = '';
  child.stdout?.on('data', (chunk) => {
    output += String(chunk);
  });
  const code = await ended(child);
  if (code !== 0) throw new Error(`${script} ${args.join(' ')} ended with ${code}\n${output}`);
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as T;
}

/** Runs one task of the load. */
export function runClient<T>(task: Task): Promise<T> {
  return runJson<T>('loadtest/bench/client.ts', [JSON.stringify(task)]);
}
