import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SystemTick } from '../result.ts';
import { sumOf } from '../system/metrics.ts';
import { memory } from '../system/process-figures.ts';
import type { Member } from '../system/servers.ts';

const intervalMs = 1_000;
/** A process that does not answer within this is left out of the sample: it is dead, or so busy that the others' figures would be late. */
const answerTimeoutMs = 3_000;
const msPerSecond = 1_000;

/** A tick before it is known when the run began. */
export interface Sample extends Omit<SystemTick, 'second'> {
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** Looks at all processes once a second. */
export class Sampler {
  readonly samples: Sample[] = [];
  readonly #members: readonly Member[];
  readonly #stop = new AbortController();
  readonly #sampling: Promise<void>;

  constructor(members: readonly Member[]) {
    this.#members = members;
    this.#sampling = this.#sample();
  }

  get newest(): Sample | undefined {
    return this.samples.at(-1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#sampling;
  }

  async #sample(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const begun = performance.now();
      this.samples.push(await sampleOf(this.#members));
      // Ended early by `stop`, for which nobody need hear.
      await sleep(Math.max(0, intervalMs - (performance.now() - begun)), undefined, { signal }).catch(() => undefined);
    }
  }
}

/** The seconds of a run up to its last, the newest sample of each. */
export function ticksOf(samples: readonly Sample[], startedAtMs: number, lastSecond: number): readonly SystemTick[] {
  const bySecond = new Map<number, SystemTick>();
  for (const { atMs, ...sample } of samples) {
    const second = Math.round((atMs - startedAtMs) / msPerSecond);
    if (second >= 0 && second <= lastSecond) bySecond.set(second, { second, ...sample });
  }
  return [...bySecond.values()];
}

async function sampleOf(members: readonly Member[]): Promise<Sample> {
  const atMs = Date.now();
  const looks = await Promise.all(members.map(look));
  const found = looks.filter((one) => one !== undefined);
  const sum = (metric: string) => found.reduce((all, { text }) => all + sumOf(text, metric), 0);
  const delays = found.map(({ text }) => sumOf(text, 'nodejs_eventloop_lag_p99_seconds') * msPerSecond);
  return {
    atMs,
    sessions: sum('parley_gateway_open_sessions'),
    processing: sum('parley_worker_processing_messages'),
    queued: sum('parley_worker_queued_messages'),
    lagRecords: sum('parley_projector_lag_records'),
    historyReads: sum('parley_history_reads_total'),
    loopDelayP99Ms: Math.max(0, ...delays),
    residentMib: Object.fromEntries(found.map(({ name, residentMib }) => [name, residentMib])),
    handles: Object.fromEntries(found.map(({ name, handles }) => [name, handles])),
  };
}

interface Look {
  readonly name: string;
  readonly text: string;
  readonly residentMib: number;
  readonly handles: number;
}

/** undefined: it does not answer, because it was killed or is about to be. */
async function look({ name, httpAddress, pid }: Member): Promise<Look | undefined> {
  try {
    const answer = await fetch(`http://${httpAddress}/metrics`, { signal: AbortSignal.timeout(answerTimeoutMs) });
    const text = await answer.text();
    return { name, text, residentMib: memory(pid).residentMib, handles: readdirSync(`/proc/${pid}/fd`).length };
  } catch {
    return undefined;
  }
}
