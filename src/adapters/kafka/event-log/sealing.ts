import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import type { NewRecord } from '../../../ports/event-log.ts';
import type { RecordToWrite } from './record-batch.ts';

/**
 * Words that may have to be erased are stored encrypted, since Kafka changes no record: who destroys the key has erased them.
 *
 *     value   = beginning nonce:12 encrypted tag:16      AES-256-GCM, bound to topic, partition and key of the record
 *     headers = parley_key: the id of the data key, parley_words: the length of the beginning, which stays readable
 */
const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;
const keyHeader = 'parley_key';
const wordsHeader = 'parley_words';

/** Bytes of a data key. */
export const dataKeyBytes = 32;

/** A key and the name that it is stored under. */
export interface DataKey {
  readonly id: string;
  readonly bytes: Buffer;
  /** The same for use: OpenSSL takes 2 µs to begin with it, and 16 with the bytes. */
  readonly secret: KeyObject;
}

/** The conversation of a record, as far as the log knows: keys and content are bound to it. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
}

/** A new key that nobody can guess. */
export function makeDataKey(): DataKey {
  const bytes = randomBytes(dataKeyBytes);
  return { id: randomBytes(16).toString('base64url'), bytes, secret: createSecretKey(bytes) };
}

/** The record with its words encrypted. */
export function seal(record: NewRecord, contentOffset: number, { id, secret }: DataKey): RecordToWrite {
  const { key, headers, value } = record;
  const nonce = nextNonce();
  const cipher = createCipheriv(algorithm, secret, nonce).setAAD(boundTo(record));
  const encrypted = cipher.update(value.subarray(contentOffset));
  cipher.final();
  const sealed = Buffer.concat([value.subarray(0, contentOffset), nonce, encrypted, cipher.getAuthTag()]);
  return { key, value: sealed, headers: { ...headers, [keyHeader]: id, [wordsHeader]: String(contentOffset) } };
}

/** How a record was sealed. */
export interface Seal {
  readonly keyId: string;
  /** Where its words begin, in bytes of its value. */
  readonly contentOffset: number;
}

/** How a stored record was sealed; undefined when it was not. */
export function sealOf(headers: Readonly<Record<string, string>>): Seal | undefined {
  const keyId = headers[keyHeader];
  return keyId === undefined ? undefined : { keyId, contentOffset: Number(headers[wordsHeader]) };
}

/** The headers that the record was appended with. */
export function withoutSeal(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const { [keyHeader]: _key, [wordsHeader]: _words, ...others } = headers;
  return others;
}

/** The whole value; undefined when it is not what was sealed with this key in this place. */
export function unseal(
  place: Place,
  stored: Uint8Array,
  contentOffset: number,
  key: KeyObject,
): Uint8Array | undefined {
  const encryptedAt = contentOffset + nonceBytes;
  const tagAt = stored.length - tagBytes;
  if (!(contentOffset >= 0 && encryptedAt <= tagAt)) return undefined;
  const decipher = createDecipheriv(algorithm, key, stored.subarray(contentOffset, encryptedAt), {
    authTagLength: tagBytes,
  });
  decipher.setAAD(boundTo(place)).setAuthTag(stored.subarray(tagAt));
  const words = decipher.update(stored.subarray(encryptedAt, tagAt));
  try {
    decipher.final();
  } catch {
    // Its only error: the tag does not fit.
    return undefined;
  }
  const value = new Uint8Array(contentOffset + words.length);
  value.set(stored.subarray(0, contentOffset));
  value.set(words, contentOffset);
  return value;
}

let nonces = Buffer.alloc(0);

/** Random, and drawn by the thousand: each draw costs 2 µs. */
function nextNonce(): Buffer {
  if (nonces.length < nonceBytes) nonces = randomBytes(nonceBytes * 1_000);
  const nonce = nonces.subarray(0, nonceBytes);
  nonces = nonces.subarray(nonceBytes);
  return nonce;
}

function boundTo({ topic, partition, key }: Place): Buffer {
  return Buffer.from(`${topic}/${partition}/${key}`);
}
