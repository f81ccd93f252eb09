import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout of this release. */
export const ownRoot = fileURLToPath(new URL('../../', import.meta.url));
/** The options for Node, and the environment, that `npm start` gives, so that the server is tested as users run it. */
const startWords = startCommand(ownRoot);
export const startEnvironment: Readonly<Record<string, string>> = Object.fromEntries(
  startWords.filter((word) => /^[A-Z_]+=/.test(word)).map((word) => word.split('=')),
);
const readyLine = /^parley is listening: (?:grpc (\S+) )?http (\S+)$/m;
/** A start refolds the log; more than this on a test's log is a defect, also on a machine that does other things as well. */
const readyTimeoutMs = 60_000;
/** SIGTERM promises an exit within 10 s; the rest is for a busy machine. */
const stopTimeoutMs = 40_000;
/** Enough for the last words of a dying process. */
const tailChars = 64 * 1024;
/** Of these, what is shown of a process that ended by itself. */
const lastLines = 30;

function startCommand(root: string): readonly string[] {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: { start: string } };
  return scripts.start.split(' ');
}

function entryOf(root: string): string {
  return join(root, 'src/main/parley.ts');
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ServerOptions {
  /** PARLEY_* settings on top of loopback listeners and the data folder. */
  readonly env?: Readonly<Record<string, string>>;
  /** Kept after the test when given; otherwise a temporary folder, removed by dispose. */
  readonly dataDir?: string;
  /** Of Node itself, instead of those that `npm start` gives. */
  readonly nodeOptions?: readonly string[];
  /** The checkout that it runs, of another release. Default: this one. */
  readonly root?: string;
}

/** `parley serve` in a process of its own, as a user runs it. */
export interface ParleyServer extends AsyncDisposable {
  /** '' without the role of a gateway. */
  readonly address: string;
  readonly httpAddress: string;
  readonly pid: number;
  readonly dataDir: string;
  /** Milliseconds from spawn to the line that says where it listens. */
  readonly startMs: number;
  /** What it said on stdout and stderr, the last 64 KiB of each. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves when the process has ended. */
  readonly exited: Promise<Exit>;
  /** Sends the signal and waits for the end. */
  stop(signal: NodeJS.Signals): Promise<Exit>;
  /** Freezes it: connections stay open and nothing is answered. */
  pause(): void;
  /** Lets it go on after `pause`. */
  resume(): void;
  /** Starts again on the same data and ports, killed with -9 first when it still runs; `root` is another release's checkout. */
  restart(env?: Readonly<Record<string, string>>, root?: string): Promise<ParleyServer>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Settings of a server that removes unused media this soon: not before the longest attempt at a reply, whose media are stored before they are named. */
export function sweepsAfter(ms: number): Record<string, string> {
  const limit = String(ms);
  return {
    PARLEY_UPLOAD_LIFETIME_MS: limit,
    PARLEY_PROVIDER_FIRST_PIECE_TIMEOUT_MS: limit,
    PARLEY_PROVIDER_PIECE_TIMEOUT_MS: limit,
    PARLEY_PROVIDER_MEDIA_TIMEOUT_MS: limit,
    PARLEY_PROVIDER_TOTAL_TIMEOUT_MS: limit,
  };
}

/**
 * The environment of a child: what Node needs, where it finds code compiled, and nothing of PARLEY_* but what the test says. Simulated replies come at
 * once, unless it says otherwise.
 */
export function childEnv(settings: Readonly<Record<string, string>>): Record<string, string> {
  const { PATH = '', HOME = '', NODE_COMPILE_CACHE = '' } = process.env;
  return {
    PATH,
    HOME,
    NODE_COMPILE_CACHE,
    NODE_NO_WARNINGS: '1',
    PARLEY_SIMULATED_PIECE_INTERVAL_MS: '0',
    ...settings,
  };
}

/** Starts the server and waits until it listens. Rejects with its last words when it does not. */
export async function startServer(options: ServerOptions = {}): Promise<ParleyServer> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'parley-test-')));
  const env = {
    PARLEY_GRPC_LISTEN: '127.0.0.1:0',
    PARLEY_HTTP_LISTEN: '127.0.0.1:0',
    PARLEY_DATA_DIR: dataDir,
    ...options.env,
  };
  const server = new ServerProcess(dataDir, options.dataDir === undefined, env, options.root, options.nodeOptions);
  try {
    await server.ready();
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** How a script ended, and what it said. */
export type Ran = Exit & { readonly stdout: string; readonly stderr: string };

/** Runs one `parley` command to its end, in this folder by default. */
export function runParley(args: readonly string[], env: Readonly<Record<string, string>>, cwd?: string): Promise<Ran> {
  return runScript(entryOf(ownRoot), args, childEnv(env), cwd);
}

/** Runs a script to its end, its input piped. */
export async function runScript(
  script: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd?: string,
  input = '',
): Promise<Ran> {
  const child = spawn(process.execPath, [script, ...args], { env, cwd, stdio: 'pipe' });
  // It may end before it has read its input.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  const exit = await new Promise<Exit>((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
  return { ...exit, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
}

class ServerProcess implements ParleyServer {
  address = '';
  httpAddress = '';
  startMs = 0;
  readonly dataDir: string;
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #env: Readonly<Record<string, string>>;
  readonly #root: string;
  readonly #nodeOptions: readonly string[] | undefined;
  readonly #ownsData: boolean;
  readonly #startedAt = performance.now();
  #stdout = '';
  #stderr = '';
  #replaced = false;
  /** Somebody asked it to end, or it never began, which its start reports. */
  #isEnding = true;

  constructor(
    dataDir: string,
    ownsData: boolean,
    env: Readonly<Record<string, string>>,
    root: string = ownRoot,
    nodeOptions?: readonly string[],
  ) {
    this.dataDir = dataDir;
    this.#ownsData = ownsData;
    this.#env = env;
    this.#root = root;
    this.#nodeOptions = nodeOptions;
    const options = nodeOptions ?? startCommand(root).filter((word) => word.startsWith('--'));
    this.#child = spawn(process.execPath, [...options, entryOf(root), 'serve'], {
      env: childEnv(env),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.exited = new Promise((resolve) => this.#child.once('close', (code, signal) => resolve({ code, signal })));
    this.#child.stdout?.on('data', (chunk) => {
      this.#stdout = (this.#stdout + String(chunk)).slice(-tailChars);
    });
    this.#child.stderr?.on('data', (chunk) => {
      this.#stderr = (this.#stderr + String(chunk)).slice(-tailChars);
    });
    const kill = () => this.#child.kill('SIGKILL');
    process.once('exit', kill);
    void this.exited.then((exit) => {
      process.removeListener('exit', kill);
      if (!this.#isEnding) this.#reportEnd(exit);
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  readonly stdout = () => this.#stdout;
  readonly stderr = () => this.#stderr;

  /** Resolves once the process says where it listens. */
  ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (what: string) =>
        reject(new Error(`the server ${what}\nstdout: ${this.#stdout}\nstderr: ${this.#stderr}`));
      const timer = setTimeout(() => fail(`did not listen within ${readyTimeoutMs} ms`), readyTimeoutMs);
      void this.exited.then(({ code, signal }) => {
        clearTimeout(timer);
        fail(`ended at its start: ${code ?? signal}`);
      });
      this.#child.stdout?.on('data', () => {
        const where = readyLine.exec(this.#stdout);
        if (where === null) return;
        clearTimeout(timer);
        [this.address, this.httpAddress] = [where[1] ?? '', where[2] ?? ''];
        this.startMs = performance.now() - this.#startedAt;
        this.#isEnding = false;
        resolve();
      });
    });
  }

  /** A process that dies by itself takes with it why its test fails. */
  #reportEnd({ code, signal }: Exit): void {
    const lastWords = this.#stderr.split('\n').slice(-lastLines).join('\n');
    console.error(`the server at ${this.httpAddress} ended by itself: ${code ?? signal}; it said last:\n${lastWords}`);
  }

  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  async stop(signal: NodeJS.Signals): Promise<Exit> {
    this.#isEnding = true;
    this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopTimeoutMs);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  async restart(env: Readonly<Record<string, string>> = {}, root = this.#root): Promise<ParleyServer> {
    await this.stop('SIGKILL');
    const ports = {
      ...(this.address === '' ? {} : { PARLEY_GRPC_LISTEN: this.address }),
      PARLEY_HTTP_LISTEN: this.httpAddress,
    };
    const settings = { ...this.#env, ...ports, ...env };
    const next = new ServerProcess(this.dataDir, this.#ownsData, settings, root, this.#nodeOptions);
    try {
      await next.ready();
    } catch (error) {
      await next.stop('SIGKILL');
      throw error;
    }
    this.#replaced = true;
    return next;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
    if (this.#ownsData && !this.#replaced) await rm(this.dataDir, { recursive: true, force: true });
  }
}
