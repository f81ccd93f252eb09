import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { type Demo, shapeOf } from './demos.ts';

/** Throws unless these lines are of the shape that the document shows; `…` alone stands for any number of lines. */
export function expectShape({ command, output }: Demo, printed: readonly string[]): void {
  const isChat = command.includes('parley chat');
  const end = output.at(-1)?.trim() === '…' ? output.length - 1 : Math.max(output.length, printed.length);
  for (let index = 0; index < end; index += 1) {
    const line = output[index];
    const shape = line === undefined ? 'nothing' : shapeOf(line, isChat);
    const found = printed[index] ?? '(nothing)';
    if (!(shape instanceof RegExp && shape.test(found)))
      throw new Error(
        `$ ${command}\n${printed.join('\n')}\n\nLine ${index + 1} should be of the shape ${String(shape)}`,
      );
  }
}

interface ShellOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** A bash to which commands are given one after the other, as to one in a terminal. */
export class DemoShell implements AsyncDisposable {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #end = '<end of the output>';
  readonly #life: { readonly signal: AbortSignal };
  #printed = '';

  /** @param command starts bash; whatever else runs in it ends with its process group */
  constructor([program = '', ...args]: readonly string[], options: ShellOptions) {
    this.#process = spawn(program, args, { ...options, detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#process.stdout.on('data', (chunk) => {
      this.#printed += String(chunk);
    });
    const life = new AbortController();
    this.#life = life;
    this.#process.once('exit', () => life.abort(new Error(`the shell ended: ${this.#printed}`)));
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** The lines that the command prints, on whichever output, and its exit code. Rejects when the shell ends. */
  async run(command: string): Promise<{ readonly lines: readonly string[]; readonly code: number }> {
    this.#printed = '';
    const ended = new RegExp(`^([^]*?)\n?\n${this.#end}(\\d+)\n$`);
    this.#process.stdin.write(`{ ${command}\n} < /dev/null 2>&1\nprintf '\\n%s%s\\n' '${this.#end}' $?\n`);
    for (;;) {
      const [, printed, code] = ended.exec(this.#printed) ?? [];
      if (printed !== undefined) return { lines: printed === '' ? [] : printed.split('\n'), code: Number(code) };
      await once(this.#process.stdout, 'data', this.#life);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#life.signal.aborted) return;
    const ended = once(this.#process, 'exit');
    process.kill(-this.pid, 'SIGKILL');
    await ended;
  }
}
