import { Metadata } from '@grpc/grpc-js';
import { tokenOf } from '../network/authenticator.ts';
import { Random } from '../world/random.ts';
import type { World } from '../world/world.ts';

/** An access token as a client shows it. */
export interface Shown {
  /** '': none. */
  readonly token: string;
  /** It is the client's own, and was valid when it was made. */
  readonly isGood: boolean;
  /** Milliseconds since the epoch. */
  readonly expireTimeMs: number;
}

/** How long tokens are good for, milliseconds: some run out in mid-session. */
const shortestLifetimeMs = 5_000;
const longestLifetimeMs = 300_000;
const finalLifetimeMs = 24 * 60 * 60_000;

/** Where authentication is off nobody needs one. */
const needless: Shown = { token: '', isGood: true, expireTimeMs: Number.POSITIVE_INFINITY };

/** The access tokens of one client: most are its own and valid. */
export class Credentials {
  /** Whether anybody is asked for a token. */
  readonly isOn: boolean;
  readonly #world: World;
  readonly #clientId: string;
  readonly #random: Random;

  constructor(world: World, clientId: string) {
    this.#world = world;
    this.#clientId = clientId;
    this.isOn = world.scenario.usesTokens;
    this.#random = new Random(world.scenario.seed, `tokens/${clientId}`);
  }

  /** Mostly a good one. */
  any(): Shown {
    return this.isOn && this.#world.faults.isActive && this.#random.chance(0.15) ? this.bad() : this.good();
  }

  good(): Shown {
    if (!this.isOn) return needless;
    const lifetimeMs = this.#world.faults.isActive
      ? this.#random.logarithmic(shortestLifetimeMs, longestLifetimeMs)
      : finalLifetimeMs;
    const expireTimeMs = Math.floor(this.#world.nowMs + lifetimeMs);
    return { token: tokenOf(this.#clientId, expireTimeMs), isGood: true, expireTimeMs };
  }

  /** Expired, another client's, none, or no token at all. */
  bad(): Shown {
    const { nowMs } = this.#world;
    const token = this.#random.pick([
      tokenOf(this.#clientId, nowMs - 1),
      tokenOf('somebody-else', nowMs + longestLifetimeMs),
      'garbled',
      '',
    ]);
    return { token, isGood: false, expireTimeMs: 0 };
  }

  /** One call in some carries a bad token, whatever its session has shown. */
  forCall(shown: Shown): Shown {
    return this.isOn && this.#world.faults.isActive && this.#random.chance(0.03) ? this.bad() : shown;
  }
}

/** What a call with this token carries. */
export function metadataOf({ token }: Shown): Metadata {
  const metadata = new Metadata();
  if (token !== '') metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}
