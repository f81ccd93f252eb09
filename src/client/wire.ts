import type { Transport } from '@connectrpc/connect';

/** How a client reaches a server. */
export interface Wire {
  /** A session is one bidirectional stream; or, where requests cannot be streamed, a server stream and unary calls. */
  readonly shape: 'bidi' | 'split';
  /** A connection of its own, made when the first call needs it: each session has one, which is given up with it. */
  connect(): WireConnection;
}

/** One connection. */
export interface WireConnection {
  readonly transport: Transport;
  /** Calls under way end. */
  close(): void;
}
