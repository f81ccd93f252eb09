import { type EventLoopUtilization, performance } from 'node:perf_hooks';
import type { Distribution, DriverHealth, KindFigures } from './figures.ts';
import { Latencies } from './latencies.ts';

/** Fine enough to see what delays a message, and cheap. */
const probeIntervalMs = 10;
/** Above this share of its time a single thread no longer does things when they are due. */
const busyUtilization = 0.85;
/** A delay of its own below this falsifies nothing that is told in milliseconds, */
const harmlessDelayMs = 5;
/** nor does one that is small against what the servers took to accept a message. */
const harmlessShare = 0.5;

/** Watches whether the driver keeps up: its CPU, its thread, its event loop. */
export class HealthWatch implements Disposable {
  readonly #delayMs = new Latencies();
  readonly #tickDelayMs = new Latencies();
  readonly #timer: NodeJS.Timeout;
  #cpu = process.cpuUsage();
  #utilization: EventLoopUtilization = performance.eventLoopUtilization();

  constructor() {
    let dueMs = performance.now() + probeIntervalMs;
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      const lateMs = Math.max(0, nowMs - dueMs);
      this.#delayMs.record(lateMs);
      this.#tickDelayMs.record(lateMs);
      dueMs = nowMs + probeIntervalMs;
    }, probeIntervalMs);
  }

  /** Forgets what was before: the measurement begins. */
  begin(): void {
    this.#delayMs.reset();
    this.#tickDelayMs.reset();
    this.#cpu = process.cpuUsage();
    this.#utilization = performance.eventLoopUtilization();
  }

  /** The delay of the event loop since the last call, in milliseconds. */
  takeLoopDelayP99Ms(): number {
    const p99Ms = this.#tickDelayMs.percentile(99);
    this.#tickDelayMs.reset();
    return p99Ms;
  }

  /** What there is to say of the time since `begin`, given what was measured in it. */
  health(latenessMs: Distribution, kinds: readonly KindFigures[]): DriverHealth {
    const { user, system } = process.cpuUsage(this.#cpu);
    const { utilization } = performance.eventLoopUtilization(this.#utilization);
    const loopDelayMs = this.#delayMs.distribution();
    return {
      cpuSeconds: (user + system) / 1e6,
      utilization,
      loopDelayMs,
      latenessMs,
      bottleneck: bottleneckOf({ utilization, loopDelayMs, latenessMs }, kinds),
    };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Why the figures must be doubted; '' when they need not. */
export function bottleneckOf(
  { utilization, loopDelayMs, latenessMs }: Pick<DriverHealth, 'utilization' | 'loopDelayMs' | 'latenessMs'>,
  kinds: readonly Pick<KindFigures, 'acceptedMs'>[],
): string {
  const measured = kinds.filter(({ acceptedMs }) => acceptedMs.count > 0).map(({ acceptedMs }) => acceptedMs.p99);
  const harmlessMs = Math.max(harmlessDelayMs, harmlessShare * Math.min(...measured, Number.MAX_VALUE));
  const limitMs = measured.length === 0 ? harmlessDelayMs : harmlessMs;
  const reasons: string[] = [];
  if (utilization > busyUtilization) reasons.push(`its thread was busy ${Math.round(utilization * 100)} % of the time`);
  if (loopDelayMs.p99 > limitMs) reasons.push(`its event loop was late by ${loopDelayMs.p99.toFixed(1)} ms at p99`);
  if (latenessMs.p99 > limitMs) reasons.push(`it was late by ${latenessMs.p99.toFixed(1)} ms at p99 to say things`);
  return reasons.join('; ');
}
