import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

/** Kafka takes 2 to 5 s; the rest is for a busy machine. */
const readyTimeoutMs = 60_000;
const readyPollMs = 50;
const stillPollMs = 5;
/** An orderly end takes Kafka 1 to 3 s. */
const stopTimeoutMs = 15_000;
const tailChars = 8_000;

/**
 * Becomes the engine, after leaving a guard behind that waits at the other end of a pipe (descriptor 3) which only the parent holds. A parent that
 * ends, however that happens, closes it, and the guard then kills the engine, paused or not, and removes the temporary folder ($1, empty for a
 * folder that is kept). A line on the pipe sends the guard home.
 */
const guarded = `
folder=$1; shift
(
  trap '' INT HUP TERM
  read -r _ <&3 && exit 0
  kill -9 $$
  [ -z "$folder" ] && exit 0
  rm -rf "$folder"; sleep 1; rm -rf "$folder"
) >/dev/null 2>&1 </dev/null &
exec "$@" 3<&-
`;

/** A real engine in a process of its own. */
export interface Engine extends AsyncDisposable {
  /** The folder of its data and its log (`<name>.log`). Empty when it is somebody else's. */
  readonly dataDir: string;
  /** 0 when it is not running, or somebody else's. */
  readonly pid: number;
  /** Ends it with -9, paused or not, and waits for its end. Does nothing when it is not running. */
  kill(): Promise<void>;
  /** Ends it in order (SIGTERM) and waits for its end; with -9 after 15 s. */
  stop(): Promise<void>;
  /** Starts it again on the same port and data, and waits until it answers. */
  start(): Promise<void>;
  /** Freezes it (SIGSTOP): connections stay open. Once it resolves, nothing is answered. */
  pause(): Promise<void>;
  /** Lets it go on after `pause`. */
  resume(): void;
  /** Resolves when it has ended, by whatever cause; at once when it is not running. */
  exited(): Promise<void>;
  /** Kills it and removes its data, unless the folder was given. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Where an engine listens and keeps its data. */
export interface EngineOptions {
  /** On 127.0.0.1. Default: a free one. */
  readonly port?: number;
  /** Kept, with its data, by dispose. Default: a temporary folder, removed by dispose. */
  readonly dataDir?: string;
  /** With 'allowed', the server that the environment names is used instead, where it names one; it can be neither killed nor started. */
  readonly external?: 'allowed';
}

/** What the four differ in. */
export interface EngineSpec {
  readonly name: string;
  /** Once, before the first start. */
  readonly prepare?: () => Promise<void>;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Resolves when the engine answers as it should; rejects, soon, when it does not yet. */
  readonly answers: () => Promise<void>;
}

/** A folder for an engine: the one given, or a temporary one. */
export async function engineFolder(name: string, { dataDir }: EngineOptions): Promise<EngineFolder> {
  if (dataDir === undefined) return { path: await mkdtemp(join(tmpdir(), `parley-${name}-`)), temporary: true };
  await mkdir(dataDir, { recursive: true });
  return { path: dataDir, temporary: false };
}

export interface EngineFolder {
  readonly path: string;
  readonly temporary: boolean;
}

/** Starts the engine and resolves when it answers. Rejects with the end of its log when it does not, with nothing left behind. */
export async function startEngine(folder: EngineFolder, spec: EngineSpec): Promise<Engine> {
  const engine = new EngineProcess(folder, spec);
  try {
    await spec.prepare?.();
    await engine.start();
    return engine;
  } catch (error) {
    await engine[Symbol.asyncDispose]();
    throw error;
  }
}

/** A server of somebody else's in the place of an engine. */
export function externalEngine(name: string): Engine {
  const refuse = () => {
    throw new Error(`${name} was given by the environment: a test that kills or freezes it must start its own`);
  };
  return {
    dataDir: '',
    pid: 0,
    kill: async () => refuse(),
    stop: async () => refuse(),
    start: async () => refuse(),
    pause: async () => refuse(),
    resume: refuse,
    exited: () => new Promise(() => {}),
    [Symbol.asyncDispose]: async () => {},
  };
}

interface Running {
  readonly child: ChildProcess;
  readonly exited: Promise<void>;
}

class EngineProcess implements Engine {
  readonly dataDir: string;
  readonly #folder: EngineFolder;
  readonly #spec: EngineSpec;
  readonly #logPath: string;
  #running: Running | undefined;

  constructor(folder: EngineFolder, spec: EngineSpec) {
    this.dataDir = folder.path;
    this.#folder = folder;
    this.#spec = spec;
    this.#logPath = join(folder.path, `${spec.name}.log`);
  }

  get pid(): number {
    return this.#running?.child.pid ?? 0;
  }

  async start(): Promise<void> {
    if (this.#running !== undefined) throw new Error(`${this.#spec.name} is running already`);
    const running = this.#spawn();
    const deadline = performance.now() + readyTimeoutMs;
    let last: unknown;
    while (performance.now() < deadline) {
      try {
        // Whatever answers is this engine only if it is alive: another may hold its port.
        await Promise.race([this.#spec.answers(), running.exited]);
        if (!this.#ended(running)) return;
      } catch (error) {
        last = error;
      }
      if (this.#ended(running)) throw await this.#failure('ended at its start', last);
      await sleep(readyPollMs);
    }
    throw await this.#failure(`did not answer within ${readyTimeoutMs} ms`, last);
  }

  #ended(running: Running): boolean {
    return this.#running !== running;
  }

  #spawn(): Running {
    const { command, env } = this.#spec;
    const log = openSync(this.#logPath, 'a');
    // Of a process group of its own: Ctrl-C in a terminal is for the parent, which then ends the engine in order.
    const child = spawn('sh', ['-c', guarded, 'sh', this.#folder.temporary ? this.#folder.path : '', ...command], {
      cwd: this.#folder.path,
      env: { ...process.env, ...env },
      stdio: ['ignore', log, log, 'pipe'],
      detached: true,
    });
    closeSync(log);
    const guard = child.stdio[3] as Writable;
    // The guard may be gone before the line reaches it, when somebody has killed it; there is nothing left to tell it then.
    guard.on('error', () => {});
    const exited = new Promise<void>((resolve) => {
      const settle = () => {
        guard.end('ended\n');
        if (this.#running?.child === child) this.#running = undefined;
        resolve();
      };
      child.once('exit', settle);
      child.once('error', settle);
    });
    const running = { child, exited };
    this.#running = running;
    return running;
  }

  async #failure(what: string, cause: unknown): Promise<Error> {
    const log = await readFile(this.#logPath, 'utf8');
    return new Error(`${this.#spec.name} ${what}\n${log.slice(-tailChars)}`, { cause });
  }

  async kill(): Promise<void> {
    this.#running?.child.kill('SIGKILL');
    await this.#running?.exited;
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    running.child.kill('SIGTERM');
    // One that is paused hears of it only now.
    running.child.kill('SIGCONT');
    const timer = setTimeout(() => running.child.kill('SIGKILL'), stopTimeoutMs);
    await running.exited;
    clearTimeout(timer);
  }

  async pause(): Promise<void> {
    this.#signal('SIGSTOP');
    const { pid } = this.#running?.child ?? {};
    while (pid !== undefined && (await isMoving(pid))) await sleep(stillPollMs);
  }

  resume(): void {
    this.#signal('SIGCONT');
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#running === undefined) throw new Error(`${this.#spec.name} is not running`);
    this.#running.child.kill(signal);
  }

  async exited(): Promise<void> {
    await this.#running?.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    if (this.#folder.temporary) await rm(this.#folder.path, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Whether any of its threads may still run: they stop one by one, when they are next looked at. Where there is no /proc, it is believed to stand still. */
async function isMoving(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const stats = threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8').catch(() => ''));
  // `pid (name) state …`, and the name may hold anything.
  return (await Promise.all(stats)).some((stat) => /\) [^TtZX] [^)]*$/.test(stat));
}
