/** What hashing costs (RFC 7914): memory is 128 · 2^log2N · r bytes, time goes with 2^log2N · r · p. */
export interface ScryptCost {
  readonly log2N: number;
  readonly r: number;
  readonly p: number;
}

/** A hash with all that is needed to compute it again. */
export interface EncodedHash extends ScryptCost {
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
