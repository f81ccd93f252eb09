import { freeSlots, type QuotaGiven } from './shard.ts';
import type { ShardLog } from './shard-log.ts';
import type { QuotaOrder, World } from './world.ts';

/** How often a shard looks whether it has few free slots, and another has more. */
const lookMs = 1_000;
/** Few: less than this part of an equal share. */
const fewShare = 0.1;
/** Drawn at random, of whom the one with most free slots is asked. */
const askedCount = 4;
/** How often gifts are looked for that nobody has passed on. */
const sweepMs = 5_000;
/** With faults: of all gifts, those whose bearer dies before he has passed them on. */
const lostBearers = 0.3;

/**
 * Moves quota to shards that have none left. A slot is given away in the log of the shard that has it before it is taken in the log of the one that
 * wants it; between the two it is nobody's. The bearer decides nothing: he may act on old news, die, or pass a gift on twice.
 */
export class QuotaMover {
  readonly #world: World;
  readonly #order: QuotaOrder;
  #transfers = 0;
  /** Free slots of each shard as they were a while ago. */
  #news: readonly number[] = [];

  constructor(world: World, order: QuotaOrder) {
    this.#world = world;
    this.#order = order;
  }

  begin(): void {
    this.#look();
    this.#sweep();
  }

  #look(): void {
    const { shards, timeline, plan } = this.#world;
    const few = Math.ceil((fewShare * plan.limit) / plan.shards);
    for (const shard of shards) {
      const free = this.#freeOf(shard);
      if (free < few) this.#ask(shard, free);
    }
    this.#news = shards.map(({ state }) => freeSlots(state));
    timeline.after(lookMs, () => this.#look());
  }

  /** Of the best of a few, so that not all who want something ask the same one. */
  #ask(shard: ShardLog, free: number): void {
    const [giver] = Array.from({ length: askedCount }, () => this.#any()).sort(
      (a, b) => this.#freeOf(b) - this.#freeOf(a),
    );
    if (giver === undefined || giver === shard) return;
    const slots = Math.floor((this.#freeOf(giver) - free) / 2);
    if (slots < 1) return;
    this.#transfers += 1;
    const gift: QuotaGiven = { type: 'QuotaGiven', transferId: `t${this.#transfers}`, to: shard.index, slots };
    if (this.#order === 'taken first') this.#pass(gift, () => this.#world.send(giver, gift));
    else this.#world.send(giver, gift, () => this.#bear(giver, gift));
  }

  /** The giver's log says whether there is anything to bear. */
  #bear(giver: ShardLog, gift: QuotaGiven): void {
    if (!giver.state.given.has(gift.transferId)) return;
    if (this.#world.plan.hasFaults && this.#world.random() < lostBearers) return;
    this.#pass(gift);
  }

  #pass({ transferId, slots, to }: QuotaGiven, onTaken?: () => void): void {
    const shard = this.#world.shards[to];
    if (shard !== undefined) this.#world.send(shard, { type: 'QuotaTaken', transferId, slots }, onTaken);
  }

  /** Passes on again what its shard does not have yet; it counts once, whoever else does so. */
  #sweep(): void {
    const { shards, timeline } = this.#world;
    for (const { state } of shards) {
      for (const gift of state.given.values()) {
        if (!shards[gift.to]?.state.taken.has(gift.transferId)) this.#pass(gift);
      }
    }
    timeline.after(sweepMs, () => this.#sweep());
  }

  #freeOf({ index }: ShardLog): number {
    return this.#news[index] ?? 0;
  }

  #any(): ShardLog {
    const { shards, random } = this.#world;
    return shards[Math.floor(random() * shards.length)] as ShardLog;
  }
}
