import type { ParleyServer } from '../server.ts';

/** One input: the bytes that are mutated, and what is done with them then. */
export interface FuzzInput {
  readonly bytes: Buffer;
  /** Resolves to the kind of answer, in a few words: kinds are counted. Rejects for what no server of ours may do. */
  readonly send: (mutated: Buffer) => Promise<string>;
}

/** Inputs for a server that runs. */
export interface FuzzInputs extends AsyncDisposable {
  /** The next one: the same for the same random numbers, but for ids and tokens that the server has made up. */
  next(random: () => number): FuzzInput;
}

/** What mutated inputs are sent to, and what of. */
export interface FuzzTarget extends AsyncDisposable {
  /** Of the server, beside those of every target. */
  readonly settings: Readonly<Record<string, string>>;
  /** What an honest client shows; undefined: none is needed. */
  readonly accessToken?: string;
  /** Where a server with TLS is reached without it, by its address. undefined: it has none. */
  readonly withoutTls?: (address: string) => Promise<string>;
  inputs(server: ParleyServer): Promise<FuzzInputs>;
}

/** One of these. Throws when there are none. */
export function oneOf<T>(random: () => number, choices: readonly T[]): T {
  const index = Math.floor(random() * choices.length);
  if (index >= choices.length) throw new Error('there is nothing to choose from');
  return choices[index] as T;
}

/** The bytes with another text of the same length wherever this one stands. */
export function replaced(bytes: Buffer, text: string, by: string): Buffer {
  return Buffer.from(bytes.toString('latin1').replaceAll(text, by), 'latin1');
}
