import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { Refused } from '../../domain/errors/catalogue.ts';
import type { HashingQueue, PasswordHasher } from '../../ports/password-hasher.ts';
import {
  busyRetryDelayMs,
  maxHashesAtOnce,
  maxSignUpHashesAtOnce,
  maxWaitingHashes,
  maxWaitingSignUpHashes,
} from './limits.ts';

/**
 * One of the settings that OWASP names as equally strong (Password Storage Cheat Sheet), with the least memory for its time: 32 MiB, and
 * 0.1 to 0.4 s of a core.
 */
export const scryptCost: ScryptCost = { log2N: 15, r: 8, p: 3 };

/** 128 bits: no two accounts share a salt. */
const saltBytes = 16;

/** 256 bits. */
const keyBytes = 32;

type Scrypt = (
  password: string,
  salt: Buffer,
  length: number,
  options: { readonly N: number; readonly r: number; readonly p: number; readonly maxmem: number },
) => Promise<Buffer>;
const scryptAsync: Scrypt = promisify(scrypt);

/** Passwords by scrypt, as expensive as `cost` says; hashes of other costs are still verified. */
export function scryptHasher(cost: ScryptCost = scryptCost): PasswordHasher {
  const turns = turnsByQueue();
  const nobody: EncodedHash = { ...cost, salt: randomBytes(saltBytes), key: Buffer.alloc(keyBytes) };
  return {
    hash: (password, queue) =>
      turns[queue].take(async () => {
        const salt = randomBytes(saltBytes);
        return encodeHash({ ...cost, salt, key: await keyOf(password, { ...cost, salt }) });
      }),
    async verify(password, hash) {
      const expected = hash === null ? nobody : decodeHash(hash);
      const key = await turns['sign-in'].take(() => keyOf(password, expected));
      if (!timingSafeEqual(key, expected.key) || hash === null) return 'wrong';
      return isCost(expected, cost) ? 'right' : 'outdated';
    },
  };
}

/** Sign-ins and sign-ups have separate queues, so that neither waits for the other. */
export function turnsByQueue(): Readonly<Record<HashingQueue, Turns>> {
  const retry = { retryDelayMs: busyRetryDelayMs };
  return {
    'sign-in': new Turns({
      maxAtOnce: maxHashesAtOnce,
      maxWaiting: maxWaitingHashes,
      busy: () => new Refused('TOO_MANY_ATTEMPTS', 'Too many people sign in at this moment.', retry),
    }),
    'sign-up': new Turns({
      maxAtOnce: maxSignUpHashesAtOnce,
      maxWaiting: maxWaitingSignUpHashes,
      busy: () => new Refused('TOO_MANY_SIGN_UPS', 'Too many people sign up at this moment.', retry),
    }),
  };
}

function keyOf(password: string, { log2N, r, p, salt }: Omit<EncodedHash, 'key'>): Promise<Buffer> {
  // The same password may come in composed or decomposed letters, depending on the keyboard.
  const maxmem = 2 * memoryBytes({ log2N, r, p });
  return scryptAsync(password.normalize('NFKC'), salt, keyBytes, { N: 2 ** log2N, r, p, maxmem });
}

function isCost(hash: ScryptCost, cost: ScryptCost): boolean {
  return hash.log2N === cost.log2N && hash.r === cost.r && hash.p === cost.p;
}

/** What hashing costs (RFC 7914): memory is 128 · 2^log2N · r bytes, time goes with 2^log2N · r · p. */
interface ScryptCost {
  readonly log2N: number;
  readonly r: number;
  readonly p: number;
}

/** A hash with all that is needed to compute it again. */
interface EncodedHash extends ScryptCost {
  readonly salt: Buffer;
  readonly key: Buffer;
}

/**
 * The PHC string format, in base64 without padding:
 *
 *     $scrypt$ln=<log2 N>,r=<r>,p=<p>$<salt>$<key>
 */
const form = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{22,86})\$([A-Za-z0-9+/]{43})$/;

/** As it is stored. */
export function encodeHash({ log2N, r, p, salt, key }: EncodedHash): string {
  return `$scrypt$ln=${log2N},r=${r},p=${p}$${unpadded(salt)}$${unpadded(key)}`;
}

/** Throws when the text is no such hash: only damage or another program can have written it. */
export function decodeHash(text: string): EncodedHash {
  const [, log2N, r, p, salt, key] = form.exec(text) ?? [];
  if (salt === undefined || key === undefined) throw new Error('a stored password hash is not of a form known here');
  const cost = { log2N: Number(log2N), r: Number(r), p: Number(p) };
  return { ...cost, salt: Buffer.from(salt, 'base64'), key: Buffer.from(key, 'base64') };
}

/** Bytes that computing it takes. */
export function memoryBytes({ log2N, r }: ScryptCost): number {
  return 128 * 2 ** log2N * r;
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}

interface TurnsOptions {
  readonly maxAtOnce: number;
  readonly maxWaiting: number;
  /** Retry delay for callers beyond the limit. */
  readonly busy: () => Refused;
}

/** Lets a few work at once and some wait, first come, first served. */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #waiting: (() => void)[] = [];
  #working = 0;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** Resolves or rejects as the work does. Rejects with the refusal, without working, when too many wait. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    await this.#turn();
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // The slot is passed on directly: a new caller queues behind the waiters.
      if (next === undefined) this.#working -= 1;
      else next();
    }
  }

  async #turn(): Promise<void> {
    const { maxAtOnce, maxWaiting, busy } = this.#options;
    if (this.#working < maxAtOnce) {
      this.#working += 1;
      return;
    }
    if (this.#waiting.length >= maxWaiting) throw busy();
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
