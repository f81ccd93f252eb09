import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '../random.ts';
import { type ParleyServer, runParley, startServer } from '../server.ts';
import { grpcTarget } from './grpc-target.ts';
import { HonestClient } from './honest-client.ts';
import { http2Target, tlsTarget } from './http2-target.ts';
import { mediaTarget } from './media-target.ts';
import { Mutator } from './mutator.ts';
import type { FuzzInput, FuzzInputs, FuzzTarget } from './target.ts';
import { tokenTarget } from './token-target.ts';
import { webTarget } from './web-target.ts';

const targets = {
  http2: http2Target,
  tls: tlsTarget,
  grpc: grpcTarget,
  web: webTarget,
  media: mediaTarget,
  token: tokenTarget,
};
export type TargetName = keyof typeof targets;
export const targetNames = Object.keys(targets) as readonly TargetName[];

/** Inputs that are on their way at once. */
const atOnce = 16;
/** More than an honest load of as many calls takes, less than what a leak of 10 KB an input would. */
export const maxGrowthMib = 192;
/** The inputs that are kept for whoever looks for a fault: those on their way, and a few before them. */
const keptInputs = 4 * atOnce;
const settings = {
  PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
  PARLEY_SIMULATED_VOICE_DELAY_MS: '0',
  PARLEY_SIMULATED_VIDEO_DELAY_MS: '0',
  // Inputs open sessions and say things as many clients; what one of them may do is not what is asked here.
  PARLEY_MAX_CLIENTS: '10000',
  PARLEY_MAX_PENDING_PER_CLIENT: '10000',
};
/** Of the server's own log: what no input may cause. */
const faultInLog = /unhandled|uncaught|unexpected error|out of memory|"level":"fatal"/i;

export interface FuzzOptions {
  readonly inputs: number;
  readonly seed: number;
  /** Called now and then. */
  readonly progress?: (done: number) => void;
}

export interface FuzzResult {
  readonly inputs: number;
  /** How many were answered in each way. */
  readonly answers: Readonly<Record<string, number>>;
  /** The most that the server had in memory, beyond what it had before the first input. */
  readonly grownMib: number;
  /** Times that the server ended. */
  readonly crashes: number;
  /** Messages of the client that sent no inputs. */
  readonly honest: number;
  /** What must not be: none where all is well. */
  readonly faults: readonly string[];
}

/** Sends mutated inputs to a server in a process of its own, beside a client that is honest. Rejects where it cannot be run. */
export async function runFuzz(name: TargetName, options: FuzzOptions): Promise<FuzzResult> {
  await using target = await targets[name]();
  return await fuzz(target, options);
}

/** The same for a target that has no name. */
export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzResult> {
  await using mutator = await Mutator.start();
  await using server = await startServer({ env: { ...settings, ...target.settings } });
  return await new FuzzRun(options, target, server, mutator).result();
}

class FuzzRun {
  readonly #options: FuzzOptions;
  readonly #target: FuzzTarget;
  readonly #server: ParleyServer;
  readonly #mutator: Mutator;
  readonly #answers = new Map<string, number>();
  readonly #faults = new Set<string>();
  readonly #kept: Buffer[] = [];
  readonly #sending = new Set<Promise<void>>();
  #sent = 0;
  #hasEnded = false;

  constructor(options: FuzzOptions, target: FuzzTarget, server: ParleyServer, mutator: Mutator) {
    this.#options = options;
    this.#target = target;
    this.#server = server;
    this.#mutator = mutator;
  }

  async result(): Promise<FuzzResult> {
    const { address, pid, exited } = this.#server;
    void exited.then(() => {
      this.#hasEnded = true;
    });
    const { accessToken, withoutTls } = this.#target;
    const honest = await HonestClient.greet((await withoutTls?.(address)) ?? address, accessToken);
    await using inputs = await this.#target.inputs(this.#server);
    const { residentMib } = await memoryOf(pid);
    await this.#send(inputs);
    const { said, faults } = await honest.finish();
    for (const fault of faults) this.#faults.add(fault);
    this.#look();
    const crashes = this.#hasEnded ? 1 : 0;
    if (crashes > 0) this.#faults.add('the server ended');
    const grownMib = crashes > 0 ? Number.NaN : (await memoryOf(pid)).peakMib - residentMib;
    if (grownMib > maxGrowthMib) this.#faults.add(`the server grew by ${grownMib.toFixed(0)} MiB`);
    await this.#audit();
    if (this.#faults.size > 0) this.#faults.add(`the last inputs, in base64, are in ${await this.#keep()}`);
    const answers = Object.fromEntries([...this.#answers].sort(([, one], [, other]) => other - one));
    return { inputs: this.#sent, answers, grownMib, crashes, honest: said, faults: [...this.#faults] };
  }

  async #send(inputs: FuzzInputs): Promise<void> {
    const random = seededRandom(this.#options.seed);
    while (this.#sent < this.#options.inputs && !this.#hasEnded) {
      const input = inputs.next(random);
      const mutated = await this.#mutator.mutate(input.bytes, Math.floor(random() * 2 ** 32));
      this.#kept.push(mutated);
      if (this.#kept.length > keptInputs) this.#kept.shift();
      const sending = this.#sendOne(input, mutated).finally(() => this.#sending.delete(sending));
      this.#sending.add(sending);
      this.#sent += 1;
      if (this.#sent % 500 === 0) this.#options.progress?.(this.#sent);
      if (this.#sending.size >= atOnce) await Promise.race(this.#sending);
      this.#look();
    }
    await Promise.all(this.#sending);
  }

  async #sendOne({ send }: FuzzInput, mutated: Buffer): Promise<void> {
    try {
      const answer = await send(mutated);
      this.#answers.set(answer, (this.#answers.get(answer) ?? 0) + 1);
    } catch (error) {
      if (!this.#hasEnded) this.#faults.add(`an input failed: ${String(error)}`);
    }
  }

  /** Only the end of the log is kept, so it is looked at often. */
  #look(): void {
    for (const line of `${this.#server.stdout()}\n${this.#server.stderr()}`.split('\n'))
      if (faultInLog.test(line)) this.#faults.add(`the server said: ${line}`);
  }

  /** Whatever was taken must be in the log as if honest clients had said it. */
  async #audit(): Promise<void> {
    const { code, stdout, stderr } = await runParley(['audit', '--json'], { PARLEY_DATA_DIR: this.#server.dataDir });
    if (code !== 0) this.#faults.add(`the audit of the log ended with ${code}: ${stdout}${stderr}`);
  }

  async #keep(): Promise<string> {
    const file = join(await mkdtemp(join(tmpdir(), 'parley-fuzz-')), 'inputs.txt');
    await writeFile(file, this.#kept.map((input) => `${input.toString('base64')}\n`).join(''));
    return file;
  }
}

/** Of the kernel, in MiB: now, and the most of the process's whole life. */
async function memoryOf(pid: number): Promise<{ readonly residentMib: number; readonly peakMib: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const mib = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1_024;
  return { residentMib: mib('VmRSS'), peakMib: mib('VmHWM') };
}
