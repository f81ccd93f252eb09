import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { childEnv } from '../../testing/server.ts';

/** Wider than anything that is waited for: nothing of it is broken into rows. */
const columns = 400;

/** A shell's command on a terminal of its own, which `script` of util-linux makes. */
export class Terminal implements AsyncDisposable {
  readonly exitCode: Promise<number | null>;
  readonly #script: ChildProcess;
  #output = '';
  #changed = Promise.withResolvers<void>();

  constructor(command: string, settings: Readonly<Record<string, string>>) {
    const env = { ...childEnv(settings), SHELL: '/bin/sh', TERM: 'xterm' };
    const onTerminal = `stty cols ${columns}; exec ${command}`;
    this.#script = spawn('script', ['-qefc', onTerminal, '/dev/null'], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    this.exitCode = once(this.#script, 'exit').then(([code]) => code as number | null);
    this.#script.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
      this.#changed.resolve();
    });
  }

  /** Waits until the text has come since the last call. */
  async sees(text: string): Promise<void> {
    for (let at = this.#output.indexOf(text); ; at = this.#output.indexOf(text)) {
      if (at >= 0) {
        this.#output = this.#output.slice(at + text.length);
        return;
      }
      this.#changed = Promise.withResolvers();
      await this.#changed.promise;
    }
  }

  /** Types it, with the Enter key after it where the text ends in a line feed. */
  types(text: string): void {
    this.#script.stdin?.write(text.replace(/\n$/, '\r'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#script.kill('SIGKILL');
    await this.exitCode;
  }
}
