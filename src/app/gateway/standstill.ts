import { gatewayBeatMs } from '../../domain/limits.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Logger } from '../../ports/telemetry.ts';

export interface StandstillDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Reads everything that the log holds now. May reject; then it is tried again. */
  readonly readOn: () => Promise<unknown>;
}

/**
 * Detects that the process was paused for longer than a heartbeat: frozen, or with a blocked event loop. Sessions may have been taken over meanwhile,
 * and their messages answered. Until it has read on, its state is stale, and no session is served.
 */
export class Standstill {
  readonly #deps: StandstillDeps;
  /** undefined until it is looked after: a process that is still starting serves nobody. */
  #tickedMs: number | undefined;
  #standstills = 0;
  #isBehind = false;
  #isReading = false;

  constructor(deps: StandstillDeps) {
    this.#deps = deps;
  }

  /** It stood still, and has not read on since. */
  get isBehind(): boolean {
    return this.#isBehind || this.#stoodStillMs() > gatewayBeatMs;
  }

  /** To be called several times a beat. */
  tick(): void {
    const stoodStillMs = this.#stoodStillMs();
    if (stoodStillMs > gatewayBeatMs) {
      this.#standstills += 1;
      this.#isBehind = true;
      const about = { stoodStillMs: Math.round(stoodStillMs) };
      this.#deps.logger.warn(about, 'the process stood still; nobody is served before it has read on');
    }
    this.#tickedMs = this.#deps.clock.monotonicMs();
    if (this.#isBehind && !this.#isReading) void this.#readOn();
  }

  #stoodStillMs(): number {
    const { clock } = this.#deps;
    return this.#tickedMs === undefined ? 0 : clock.monotonicMs() - this.#tickedMs;
  }

  async #readOn(): Promise<void> {
    this.#isReading = true;
    const standstills = this.#standstills;
    try {
      await this.#deps.readOn();
      // It may have stood still again while it read.
      if (this.#standstills === standstills && this.#stoodStillMs() <= gatewayBeatMs) this.#isBehind = false;
    } catch (error) {
      this.#deps.logger.warn({ err: error }, 'the log cannot be read to its end; trying again');
    } finally {
      this.#isReading = false;
    }
  }
}
