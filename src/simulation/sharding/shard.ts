import type { AdmissionEvent } from '../../domain/admission/events.ts';
import { type AdmissionOutcome, evolve } from '../../domain/admission/evolve.ts';
import { type AdmissionState, initialAdmission } from '../../domain/admission/state.ts';

/** In the log of the shard that gives: so many of its free slots are another's from here on. */
export interface QuotaGiven {
  readonly type: 'QuotaGiven';
  readonly transferId: string;
  readonly to: number;
  readonly slots: number;
}

/** In the log of the shard that gets them. Whoever has read the gift may record this, as often as he likes: it counts once. */
export interface QuotaTaken {
  readonly type: 'QuotaTaken';
  readonly transferId: string;
  readonly slots: number;
}

export type ShardEvent = AdmissionEvent | QuotaGiven | QuotaTaken;

/** What a shard's log tells up to some record. Never changed in place. */
export interface ShardState {
  readonly admission: AdmissionState;
  /** What it may have open: its part of the whole limit. */
  readonly quota: number;
  /** The gifts that counted. */
  readonly given: ReadonlyMap<string, QuotaGiven>;
  /** The gifts of others that it has. */
  readonly taken: ReadonlySet<string>;
}

/** In whose name a quota is set. It holds no session, so its start ends none. */
const quotaKeeper = 'quota';

/** Before the first record. */
export function initialShard(quota: number): ShardState {
  return { admission: initialAdmission, quota, given: new Map(), taken: new Set() };
}

/** Slots that nobody has. */
export function freeSlots({ quota, admission }: ShardState): number {
  return quota - admission.open.size;
}

/**
 * The product's own fold with the shard's quota for its limit: what a gateway says of the limit when it starts is not its to say. A gift counts only
 * if the slots are free here, at this place in this log; so nobody is over the quota, and what has been given is nobody's until it is taken.
 */
export function evolveShard(
  shard: ShardState,
  event: ShardEvent,
  timeMs: number,
): { readonly shard: ShardState; readonly outcomes: readonly AdmissionOutcome[] } {
  switch (event.type) {
    case 'QuotaGiven': {
      const { transferId, slots } = event;
      if (shard.given.has(transferId) || slots <= 0 || slots > freeSlots(shard)) return { shard, outcomes: [] };
      const given = new Map(shard.given).set(transferId, event);
      return withQuota({ ...shard, given }, shard.quota - slots, timeMs);
    }
    case 'QuotaTaken': {
      if (shard.taken.has(event.transferId)) return { shard, outcomes: [] };
      const taken = new Set(shard.taken).add(event.transferId);
      return withQuota({ ...shard, taken }, shard.quota + event.slots, timeMs);
    }
    case 'GatewayStarted':
      return folded(shard, { ...event, limits: { ...event.limits, maxClients: shard.quota } }, timeMs);
    default:
      return folded(shard, event, timeMs);
  }
}

function withQuota(shard: ShardState, quota: number, timeMs: number) {
  const limits = { ...shard.admission.limits, maxClients: quota };
  return folded({ ...shard, quota }, { type: 'GatewayStarted', gatewayId: quotaKeeper, limits }, timeMs);
}

function folded(shard: ShardState, event: AdmissionEvent, timeMs: number) {
  const { state, outcomes } = evolve(shard.admission, event, timeMs);
  return { shard: { ...shard, admission: state }, outcomes };
}
