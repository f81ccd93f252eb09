import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import type { SigningKey, SigningKeyStore } from '../../ports/account-store.ts';
import type { Clock } from '../../ports/clock.ts';
import { algorithm, clockToleranceMs, maxKeyRaces, minReloadMs } from './limits.ts';

export interface KeyRingOptions {
  readonly store: SigningKeyStore;
  readonly clock: Clock;
  readonly tokenLifetimeMs: number;
  readonly keyLifetimeMs: number;
}

interface Key extends Omit<SigningKey, 'privateJwk'> {
  readonly signing: CryptoKey;
  readonly verifying: CryptoKey;
}

/** The store's keys, cached in this process. Unknown keys are looked up there, and a new one is created when it is due. */
export class KeyRing {
  readonly #options: KeyRingOptions;
  #keys: readonly Key[] = [];
  #reloading: Promise<void> | undefined;
  #reloadedMs = Number.NEGATIVE_INFINITY;

  constructor(options: KeyRingOptions) {
    this.#options = options;
  }

  /** The key to sign with now. Rejects with AccountStoreUnavailable. */
  async signer(): Promise<{ readonly kid: string; readonly key: CryptoKey }> {
    for (let races = 0; races < maxKeyRaces; races += 1) {
      const newest = this.#keys.at(-1);
      if (newest !== undefined && this.#signsNow(newest)) return { kid: newest.kid, key: newest.signing };
      await this.#renew();
    }
    throw new Error(
      `no key to sign with after ${maxKeyRaces} attempts to make one: the clocks of the servers must differ`,
    );
  }

  /** The key that checks what this one signed; undefined when there is none, or no more. Rejects with AccountStoreUnavailable. */
  async verifier(kid: string): Promise<CryptoKey | undefined> {
    if (this.#find(kid) === undefined) await this.#reloadSoon();
    const key = this.#find(kid);
    return key !== undefined && this.#options.clock.nowMs() < key.removeTimeMs + clockToleranceMs
      ? key.verifying
      : undefined;
  }

  #find(kid: string): Key | undefined {
    return this.#keys.find((key) => key.kid === kid);
  }

  /** False, too, for a key of shorter tokens: its last one must have expired when it is removed. */
  #signsNow({ retireTimeMs, removeTimeMs }: Key): boolean {
    const { clock, tokenLifetimeMs } = this.#options;
    return clock.nowMs() < retireTimeMs && removeTimeMs - retireTimeMs >= tokenLifetimeMs;
  }

  /** Another server may have made the next key, or make it now: whichever is in the store counts. */
  async #renew(): Promise<void> {
    await this.#reload();
    const newest = this.#keys.at(-1);
    if (newest !== undefined && this.#signsNow(newest)) return;
    await this.#options.store.addSigningKey(await this.#newKey(), newest?.kid ?? null);
    await this.#reload();
  }

  async #newKey(): Promise<SigningKey> {
    const { clock, tokenLifetimeMs, keyLifetimeMs } = this.#options;
    const { privateKey } = await generateKeyPair(algorithm, { extractable: true });
    const jwk = await exportJWK(privateKey);
    const createTimeMs = clock.nowMs();
    const retireTimeMs = createTimeMs + keyLifetimeMs;
    const kid = await calculateJwkThumbprint(jwk);
    return {
      kid,
      privateJwk: JSON.stringify(jwk),
      createTimeMs,
      retireTimeMs,
      removeTimeMs: retireTimeMs + tokenLifetimeMs,
    };
  }

  /** One reload for all who ask, and not more than one a second: tokens with made-up key ids cost the store nothing more, the honest wait. */
  #reloadSoon(): Promise<void> {
    this.#reloading ??= this.#reloadInTurn().finally(() => {
      this.#reloading = undefined;
    });
    return this.#reloading;
  }

  async #reloadInTurn(): Promise<void> {
    const { clock } = this.#options;
    const waitMs = this.#reloadedMs + minReloadMs - clock.monotonicMs();
    if (waitMs > 0) await clock.sleep(waitMs);
    this.#reloadedMs = clock.monotonicMs();
    await this.#reload();
  }

  async #reload(): Promise<void> {
    const stored = await this.#options.store.signingKeys();
    this.#keys = await Promise.all(stored.map(async (key) => this.#find(key.kid) ?? imported(key)));
  }
}

async function imported({ privateJwk, ...times }: SigningKey): Promise<Key> {
  const { d, ...publicJwk } = JSON.parse(privateJwk) as JWK;
  const [signing, verifying] = await Promise.all([
    importJWK({ ...publicJwk, d }, algorithm),
    importJWK(publicJwk, algorithm),
  ]);
  if (signing instanceof Uint8Array || verifying instanceof Uint8Array)
    throw new Error(`the signing key ${times.kid} is not a pair of keys`);
  return { ...times, signing, verifying };
}
