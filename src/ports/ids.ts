/** Ids and tokens. Only the derived ones are functions of their arguments. */
export interface Ids {
  /** A new id, unguessable and unique for ever, of the alphabet [0-9a-zA-Z_-]. */
  unique(): string;
  /** A new secret of 256 bits. */
  token(): string;
  /** A one-way hash of a secret. */
  hash(token: string): string;
  /** The SHA-256 of these bytes, 64 hexadecimal digits in lower case. */
  sha256(bytes: Uint8Array): string;
  /** The id of a message: the same for the same conversation and client message id, for ever. */
  messageId(conversationId: string, clientMessageId: string): string;
  /** The id of the reply to a message: the same at every attempt. */
  replyMessageId(messageId: string): string;
  /** The partition of a conversation, 0 … partitions − 1: the same for ever. */
  partition(conversationId: string, partitions: number): number;
}
