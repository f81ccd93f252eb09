import type { Gateway, World } from './world.ts';

/** One log or another is away so often, for up to so long: longer than a gateway's lease. */
const logAwayEveryMs = 20_000;
const longestAwayMs = 25_000;
/** A reader dies so often, of one shard or another. */
const crashEveryMs = 3_000;
/** A gateway dies so often, and is back within the time given: before or after its lease has ended. */
const gatewayDiesEveryMs = 25_000;
const longestDeadMs = 40_000;
/** A gateway stands still so often, for up to so long: others count it out, and it goes on as if nothing had been. */
const gatewayFreezesEveryMs = 30_000;
const longestFrozenMs = 30_000;
/** Of what is sent: much later than what was sent after it, and a second time, because no answer came. */
const lateShare = 0.05;
const repeatedShare = 0.05;
const latestMs = 10_000;

/** What goes wrong in a run, drawn from its seed. */
export class Faults {
  readonly #world: World;
  #count = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Deaths and absences so far. */
  get count(): number {
    return this.#count;
  }

  begin(): void {
    this.#every(logAwayEveryMs, () => this.#logAway());
    this.#every(crashEveryMs, () => this.#pick(this.#world.shards).crash());
    this.#every(gatewayDiesEveryMs, () => this.#gatewayDies(this.#pick(this.#world.gateways)));
    this.#every(gatewayFreezesEveryMs, () => {
      const gateway = this.#pick(this.#world.gateways);
      gateway.frozenUntilMs = this.#world.timeline.nowMs + this.#upTo(longestFrozenMs);
    });
  }

  /** How long each copy of a record takes to its log. */
  sendDelaysMs(): readonly number[] {
    const { random } = this.#world;
    const delayMs = random() < lateShare ? this.#upTo(latestMs) : this.#world.usualDelayMs();
    return random() < repeatedShare ? [delayMs, this.#upTo(latestMs)] : [delayMs];
  }

  #logAway(): void {
    const { timeline, shards } = this.#world;
    const shard = this.#pick(shards);
    shard.downUntilMs = timeline.nowMs + this.#upTo(longestAwayMs);
  }

  #gatewayDies(gateway: Gateway): void {
    if (!gateway.isAlive) return;
    const { timeline } = this.#world;
    this.#world.endGateway(gateway);
    timeline.after(this.#upTo(longestDeadMs), () => {
      gateway.isAlive = true;
      this.#world.startGateway(gateway);
    });
  }

  #every(meanMs: number, fault: () => void): void {
    this.#world.timeline.after(this.#world.draw(meanMs), () => {
      this.#count += 1;
      fault();
      this.#every(meanMs, fault);
    });
  }

  #upTo(longestMs: number): number {
    return this.#world.random() * longestMs;
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#world.random() * from.length)] as T;
  }
}
