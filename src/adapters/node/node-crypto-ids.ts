import { hash, randomBytes, randomUUID } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Ids } from '../../ports/ids.ts';

/** 256 bits: nobody guesses a token. */
const tokenBytes = 32;

/** 128 bits of SHA-256 in base64url: as unlikely to meet as random UUIDs. */
const derivedLength = 22;

/** SHA-256 in base64url. */
const digest = Buffer.alloc(43);

function derived(kind: string, ...from: readonly string[]): string {
  // Lengths first: no two lists of strings give the same text.
  const text = from.map((part) => `${part.length}:${part}`).join('');
  // Copied: a slice of a string keeps the whole of it in memory, and these are kept by the hundred thousand.
  digest.write(hash('sha256', `${kind}/${text}`, 'base64url'), 'latin1');
  return digest.toString('latin1', 0, derivedLength);
}

/** Ids by node:crypto. Derived ones must never change: they are in logs. */
export const nodeCryptoIds: Ids = {
  unique: () => randomUUID(),
  token: () => randomBytes(tokenBytes).toString('base64url'),
  hash: (token) => hash('sha256', token, 'base64url'),
  sha256: (bytes) => hash('sha256', bytes, 'hex'),
  messageId: (conversationId, clientMessageId) => derived('message', conversationId, clientMessageId),
  // Beside its message in every index by id: one page less to write for each reply.
  replyMessageId: (messageId) => `${messageId}-r`,
  partition: (conversationId, partitions) => crc32(conversationId) % partitions,
};
