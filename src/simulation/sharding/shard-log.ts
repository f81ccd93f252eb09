import { isDeepStrictEqual } from 'node:util';
import type { AdmissionOutcome } from '../../domain/admission/evolve.ts';
import { checkAdmission } from '../../domain/admission/invariants.ts';
import { restoreAdmission, serializeAdmission } from '../../domain/admission/state.ts';
import { evolveShard, initialShard, type ShardEvent, type ShardState } from './shard.ts';

/** What must never be: a limit was broken, or two readers of one log disagree. */
export class Breach extends Error {
  override readonly name = 'Breach';
}

interface Entry {
  readonly event: ShardEvent;
  readonly timeMs: number;
}

/** The log of one shard, and a reader that has folded it to its end. */
export class ShardLog {
  readonly index: number;
  /** Its broker's clock, ahead of true time. */
  readonly #skewMs: number;
  #checkpoint: ShardState;
  #sinceCheckpoint: Entry[] = [];
  #state: ShardState;
  #lastMs = 0;
  /** Takes nothing before this; what was sent to it meanwhile arrives then. */
  downUntilMs = 0;

  constructor(index: number, quota: number, skewMs: number) {
    this.index = index;
    this.#skewMs = skewMs;
    this.#state = initialShard(quota);
    this.#checkpoint = this.#state;
  }

  get state(): ShardState {
    return this.#state;
  }

  /** Appends the record and folds it; what it decided. The log's time never runs backwards. */
  append(event: ShardEvent, nowMs: number): readonly AdmissionOutcome[] {
    this.#lastMs = Math.max(this.#lastMs, nowMs + this.#skewMs);
    this.#sinceCheckpoint.push({ event, timeMs: this.#lastMs });
    const { shard, outcomes } = evolveShard(this.#state, event, this.#lastMs);
    this.#state = shard;
    return outcomes;
  }

  /** Keeps a snapshot, as the read model does, and forgets what led to it. */
  checkpoint(): void {
    const { admission, ...rest } = this.#state;
    const snapshot = restoreAdmission(JSON.parse(JSON.stringify(serializeAdmission(admission))));
    this.#checkpoint = { ...rest, admission: snapshot };
    this.#sinceCheckpoint = [];
  }

  /** The reader dies, and another one folds on from the snapshot: it must know what the dead one knew. */
  crash(): void {
    const before = factsOf(this.#state);
    this.#state = this.#sinceCheckpoint.reduce(
      (state, { event, timeMs }) => evolveShard(state, event, timeMs).shard,
      this.#checkpoint,
    );
    if (!isDeepStrictEqual(factsOf(this.#state), before))
      throw new Breach(`shard ${this.index} is another after a crash`);
    this.checkpoint();
  }

  /** Every rule of admission in this shard. Throws a Breach. */
  check(): void {
    const { admission, quota } = this.#state;
    const problem = checkAdmission(admission);
    if (problem !== null) throw new Breach(`shard ${this.index}: ${problem}`);
    if (admission.open.size > quota) {
      throw new Breach(`shard ${this.index} has ${admission.open.size} open with a quota of ${quota}`);
    }
  }
}

/** Without what only says when to look for what has run out: that may be early, and differs by how often one looked. */
function factsOf({ admission, quota, given, taken }: ShardState): unknown {
  return { quota, given, taken, ...serializeAdmission(admission), nextExpiryClockMs: 0 };
}
