import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('member-process.ts', import.meta.url));

/** What a member was told, and when by `machineMs`. */
export interface Told {
  readonly partitions: readonly number[];
  readonly atMs: number;
}

/** Milliseconds by the one monotonic clock of the machine, the same in all processes. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Members of one group, each a process of its own. */
export class MemberProcesses implements AsyncDisposable {
  readonly #args: readonly string[];
  readonly #children: ChildProcess[] = [];
  readonly told: Told[][] = [];
  /** From when to when a member could do nothing with what it had been told. */
  readonly #gone: { readonly member: number; readonly fromMs: number; untilMs: number }[] = [];

  constructor(brokers: string, group: string, topic: string) {
    this.#args = [brokers, group, topic];
  }

  start(): number {
    // kafkajs's own timer of an idle connection.
    const child = spawn(process.execPath, ['--disable-warning=TimeoutNegativeWarning', script, ...this.#args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const told: Told[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => told.push(JSON.parse(line) as Told));
    this.#children.push(child);
    return this.told.push(told) - 1;
  }

  /** What each has; nothing who has ended or was stopped. */
  now(): (readonly number[])[] {
    const nowMs = machineMs();
    return this.told.map((told, member) => (this.#isGone(member, nowMs) ? [] : (told.at(-1)?.partitions ?? [])));
  }

  /** What a member was told since, the first of it first. */
  toldSince(member: number, sinceMs: number): readonly (readonly number[])[] {
    return (this.told[member] ?? []).filter(({ atMs }) => atMs >= sinceMs).map(({ partitions }) => partitions);
  }

  /** Its work ends with it. */
  kill(member: number): number {
    this.#goes(member);
    this.#children[member]?.kill('SIGKILL');
    return machineMs();
  }

  /** Leaves in order; resolves when the process has ended by itself. */
  async leave(member: number): Promise<void> {
    this.#goes(member);
    const child = this.#children[member];
    const ended = child && once(child, 'exit');
    child?.kill('SIGTERM');
    await ended;
  }

  stop(member: number): number {
    this.#goes(member);
    this.#children[member]?.kill('SIGSTOP');
    return machineMs();
  }

  /** Until it has been told something, it cannot be expected to know better. */
  goOn(member: number): number {
    const wokenMs = machineMs();
    const gone = this.#gone.find((absence) => absence.member === member);
    if (gone !== undefined) {
      this.#children[member]?.kill('SIGCONT');
      const told = this.told[member];
      const before = told?.length ?? 0;
      const settle = setInterval(() => {
        const first = told?.[before];
        if (first === undefined) return;
        gone.untilMs = first.atMs;
        clearInterval(settle);
      }, 1).unref();
    }
    return wokenMs;
  }

  /** Resolves when all partitions of so many have a member, and every living member was told; the answer is when. */
  async untilAllHeld(partitionCount: number, timeoutMs: number): Promise<number> {
    await this.until((now) => now.flat().length === partitionCount, timeoutMs);
    return machineMs();
  }

  async until(enough: (now: (readonly number[])[]) => boolean, timeoutMs: number): Promise<void> {
    const deadlineMs = machineMs() + timeoutMs;
    while (!enough(this.now())) {
      if (machineMs() > deadlineMs) throw new Error(`not within ${timeoutMs} ms: ${JSON.stringify(this.told)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Every moment at which two members had been told to have the same partition. */
  overlaps(): readonly string[] {
    const all = this.told.flatMap((told, member) => told.map((one) => ({ ...one, member })));
    const has = new Map<number, readonly number[]>();
    const found: string[] = [];
    for (const { member, partitions, atMs } of all.sort((a, b) => a.atMs - b.atMs)) {
      has.set(member, partitions);
      for (const [other, others] of has) {
        if (other === member || this.#isGone(other, atMs)) continue;
        const both = others.filter((partition) => partitions.includes(partition));
        if (both.length > 0) found.push(`${both.join()} of ${member} and ${other} at ${atMs}`);
      }
    }
    return found;
  }

  #goes(member: number): void {
    this.#gone.push({ member, fromMs: machineMs(), untilMs: Number.POSITIVE_INFINITY });
  }

  #isGone(member: number, atMs: number): boolean {
    return this.#gone.some((gone) => gone.member === member && gone.fromMs <= atMs && atMs < gone.untilMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const living = this.#children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    const ended = living.map((child) => once(child, 'exit'));
    for (const child of living) child.kill('SIGKILL');
    await Promise.all(ended);
  }
}
