import { createHash } from 'node:crypto';

/** The history of a run, line by line: always hashed, kept only where somebody wants to read it. */
export class Trace {
  readonly #hash = createHash('sha256');
  readonly #lines: string[] | undefined;
  readonly #nowMs: () => number;
  #pending = '';

  constructor(nowMs: () => number, keepsLines: boolean) {
    this.#nowMs = nowMs;
    this.#lines = keepsLines ? [] : undefined;
  }

  /** Who did what, or what happened to whom. */
  note(who: string, what: string): void {
    const line = `${timeOf(this.#nowMs())}  ${who.padEnd(10)}  ${what}`;
    this.#lines?.push(line);
    this.#pending += `${line}\n`;
    if (this.#pending.length < 65_536) return;
    this.#hash.update(this.#pending);
    this.#pending = '';
  }

  get lines(): readonly string[] {
    return this.#lines ?? [];
  }

  /** Of all lines; once only. */
  digest(): string {
    return this.#hash.update(this.#pending).digest('hex').slice(0, 32);
  }
}

/** Minutes, seconds and microseconds of virtual time. */
function timeOf(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  return `${String(minutes).padStart(3)}:${((ms % 60_000) / 1_000).toFixed(6).padStart(9, '0')}`;
}
