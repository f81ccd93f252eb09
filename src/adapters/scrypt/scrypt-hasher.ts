import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { Refused } from '../../domain/errors/catalogue.ts';
import type { HashingQueue, PasswordHasher } from '../../ports/password-hasher.ts';
import { decodeHash, type EncodedHash, encodeHash, memoryBytes, type ScryptCost } from './encoding.ts';
import {
  busyRetryDelayMs,
  maxHashesAtOnce,
  maxSignUpHashesAtOnce,
  maxWaitingHashes,
  maxWaitingSignUpHashes,
} from './limits.ts';
import { Turns } from './turns.ts';

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

/** Each queue has turns of its own: nobody who signs in waits for somebody who signs up. */
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
