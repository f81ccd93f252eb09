import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { installed } from '../engines/install.ts';

const script = fileURLToPath(new URL('mutate.py', import.meta.url));
const seedBytes = 8;
const lengthBytes = 4;

/** radamsa in a process of its own, which is installed when it is not there yet. The same bytes and seed give the same mutation. */
export class Mutator implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting: { readonly resolve: (bytes: Buffer) => void; readonly reject: (error: Error) => void }[] = [];
  #received: Buffer = Buffer.alloc(0);

  /** Rejects where it cannot be installed, naming what is missing. */
  static async start(): Promise<Mutator> {
    const folder = await installed('radamsa');
    const child = spawn('python3', [script], {
      env: { ...process.env, PYTHONPATH: folder },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(child, 'spawn');
    return new Mutator(child);
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on('data', (chunk: Buffer) => this.#take(chunk));
    // It ends with its input: what is asked of it then is refused below.
    child.stdin?.on('error', () => undefined);
    child.once('close', (code, signal) => {
      const error = new Error(`the mutator ended with ${code ?? signal}`);
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    });
  }

  /** Rejects when the process has ended. */
  mutate(bytes: Uint8Array, seed: number): Promise<Buffer> {
    const head = Buffer.alloc(seedBytes + lengthBytes);
    head.writeBigUInt64BE(BigInt(seed));
    head.writeUInt32BE(bytes.length, seedBytes);
    return new Promise((resolve, reject) => {
      if (this.#child.exitCode !== null) return reject(new Error('the mutator has ended'));
      this.#waiting.push({ resolve, reject });
      this.#child.stdin?.write(Buffer.concat([head, bytes]));
    });
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= lengthBytes) {
      const end = lengthBytes + this.#received.readUInt32BE();
      if (this.#received.length < end) return;
      this.#waiting.shift()?.resolve(this.#received.subarray(lengthBytes, end));
      this.#received = this.#received.subarray(end);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.stdin?.end();
    await closed;
  }
}
