import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const readyTimeoutMs = 10 * 60_000;
const root = fileURLToPath(new URL('../../', import.meta.url));

/** The server is measured as users run it: the embedded profile as `npm start` does, a deployment's processes with the image's options for Node. */
const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { scripts: { start: string } };
const [imageCommand = ''] = /^CMD .*$/m.exec(readFileSync(`${root}deploy/Dockerfile`, 'utf8')) ?? [];
const startOptions = optionsIn(scripts.start);
const imageOptions = optionsIn(imageCommand);
const startSettings: Readonly<Record<string, string>> = Object.fromEntries(
  scripts.start
    .split(' ')
    .filter((word) => /^[A-Z_]+=/.test(word))
    .map((word) => word.split('=')),
);

/** Of a command in words, or in the JSON of an image's. */
function optionsIn(command: string): readonly string[] {
  return command.match(/--[^\s",]+/g) ?? [];
}

/** A server under test, in a process of its own. */
export interface Started extends AsyncDisposable {
  /** Where it takes clients; '' when it takes none. */
  readonly address: string;
  /** Where it tells its metrics; '' when it has none. */
  readonly httpAddress: string;
  readonly pid: number;
  /** From spawn to the line that says where it listens. */
  readonly startMs: number;
}

interface NodeOptions {
  /** Of Node itself. */
  readonly options?: readonly string[];
  /** An open file that is its standard input. */
  readonly input?: number;
}

/** A script of the project in a process of its own. Nothing of this process's environment gets in: a stray setting would be measured. */
export function node(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  { options = [], input }: NodeOptions = {},
): ChildProcess {
  return spawn(process.execPath, [...options, `${root}${script}`, ...args], {
    env: { ...env },
    stdio: [input ?? 'ignore', 'pipe', 'inherit'],
  });
}

/** Its exit code; null when a signal ended it. */
export function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('close', resolve));
}

type Where = Pick<Started, 'address' | 'httpAddress'>;

async function start(child: ChildProcess, listening: RegExp): Promise<Started> {
  const begun = performance.now();
  const over = ended(child);
  const { address, httpAddress } = await new Promise<Where>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${child.spawnargs[1]} does not listen`)), readyTimeoutMs);
    let output = '';
    child.stdout?.on('data', (chunk) => {
      output += String(chunk);
      const where = listening.exec(output)?.groups;
      if (where === undefined) return;
      clearTimeout(timer);
      resolve({ address: where['grpc'] ?? '', httpAddress: where['http'] ?? '' });
    });
    void over.then((code) => reject(new Error(`${child.spawnargs[1]} ended with ${code}\n${output}`)));
  });
  const startMs = performance.now() - begun;
  const stop = async () => {
    child.kill('SIGTERM');
    await over;
  };
  return { address, httpAddress, pid: child.pid ?? 0, startMs, [Symbol.asyncDispose]: stop };
}

/** Starts `parley serve` with its default limits, quiet, in the embedded profile or by the settings of another. */
export function startParley(settings: Readonly<Record<string, string>>): Promise<Started> {
  const env = {
    ...startSettings,
    PARLEY_GRPC_LISTEN: '127.0.0.1:0',
    PARLEY_HTTP_LISTEN: '127.0.0.1:0',
    PARLEY_LOG_LEVEL: 'warn',
    PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
    PARLEY_SIMULATED_PIECE_INTERVAL_MS: '0',
    ...settings,
  };
  const listening = /^parley is listening: (?:grpc (?<grpc>\S+) )?http (?<http>\S+)$/m;
  const options = settings['PARLEY_PROFILE'] === 'distributed' ? imageOptions : startOptions;
  return start(node('src/main/parley.ts', ['serve'], env, { options }), listening);
}

/** Starts the bare echo. */
export function startEcho(): Promise<Started> {
  return start(node('loadtest/bench/echo-server.ts', [], {}), /^echo is listening: (?<grpc>\S+)$/m);
}

/** Starts Envoy before a server. `deployed`: with the limits that it has before one that asks for tokens. With the environment of this process: installing it takes the tools that its PATH names. */
export function startEnvoy({ address, httpAddress }: Where, limits: 'none' | 'deployed' = 'none'): Promise<Started> {
  const args = [`${root}src/testing/engines/run-envoy.ts`, address, httpAddress, limits];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  return start(child, /^envoy is listening: (?<grpc>\S+)$/m);
}

/** Runs a script to its end and gives the last line of its output, parsed. Rejects when it fails. */
export async function runJson<T>(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<T> {
  return JSON.parse((await run(script, args, env)).trim().split('\n').at(-1) ?? '') as T;
}

/** Runs a script to its end and gives its output. Rejects when it fails. */
export async function run(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, output } = await runToEnd(script, args, env);
  if (code !== 0) throw new Error(`${script} ${args.join(' ')} ended with ${code}\n${output}`);
  return output;
}

/** Runs a script whose exit code says something, too. */
export async function runToEnd(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = node(script, args, env);
  let output = '';
  child.stdout?.on('data', (chunk) => {
    output += String(chunk);
  });
  return { code: await ended(child), output };
}
