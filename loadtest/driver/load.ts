/** What may be said, by the kind that decides the kind of the reply. */
export const kinds = ['text', 'voice', 'video', 'image'] as const;
export type Kind = (typeof kinds)[number];

/** A value is drawn evenly from between the two, both included. */
export interface Span {
  readonly min: number;
  readonly max: number;
}

/** How much of what is said is of a kind. */
export interface KindShare {
  /** Weight among the kinds of the mix. */
  readonly share: number;
  /** Of the text, in UTF-8 bytes, or of the media file. */
  readonly bytes: Span;
  /** How a media file gets to the server. Text is always in the message. */
  readonly by: 'message' | 'upload';
}

/** When a client says the next thing. */
export type Pace =
  /** So long after the reply to the last one. */
  | { readonly loop: 'closed'; readonly thinkMs: Span }
  /** So long after it said the last thing, by a clock of its own that does not wait for replies. Lateness against it is counted. */
  | { readonly loop: 'every'; readonly everyMs: Span }
  /** By a schedule that does not wait for replies: so many messages a second from all clients together, evenly. Lateness against it is counted. */
  | { readonly loop: 'open'; readonly messagesPerSecond: number }
  /** So many messages as fast as they can be sent, then nothing. */
  | { readonly loop: 'burst'; readonly messagesPerClient: number };

/** Clients that lose their connection on purpose and come back with their resume tokens. */
export interface Storm {
  /** Per client, spread evenly over `withinMs`. */
  readonly reconnects: number;
  readonly withinMs: number;
  /** From the first arrival. */
  readonly fromMs: number;
}

/** What one driver process is to do; JSON. */
export interface Load {
  /** Decides everything that is drawn. */
  readonly seed: number;
  readonly protocol: 'grpc' | 'grpc-web';
  /** Each has a connection of its own. */
  readonly clients: number;
  /** How they come: so many a second; 0: all at once. */
  readonly arrivalsPerSecond: number;
  /** From the first arrival until nobody says anything new. */
  readonly durationMs: number;
  /** How long replies are awaited after that. A message without a reply by then counts as lost. */
  readonly settleMs: number;
  readonly pace: Pace;
  readonly mix: Readonly<Partial<Record<Kind, KindShare>>>;
  /** So long after its Welcome a client that has its last reply takes its leave for good, and its slot is free. Without it all stay to the end. */
  readonly stayMs?: Span;
  /** Who finds no place asks to wait so long for one; 0: is refused at once, and does not come again. */
  readonly waitForSlotMs: number;
  /** Clients beyond `clients` that say one thing, then nothing but heartbeats. They are connected before the others come. */
  readonly idleClients: number;
  readonly storm?: Storm;
  /** Of `clients`, so many read their stream at this rate only. */
  readonly slowReaders?: { readonly clients: number; readonly bytesPerSecond: number };
  /** Newest pages read beside, from all clients together, of the clients' own conversations. */
  readonly historyReads?: { readonly perSecond: number; readonly pageSize: number };
  /** The server's setting of the time between the pieces of a reply: what they are late is counted against it. Without it the whole time between them is. */
  readonly pieceIntervalMs?: number;
  /** The server is known to die: connections that break are made again with back-off until it is back. Without it a lost connection is an error. */
  readonly toleratesKills: boolean;
}

/** Where a driver process finds the servers, and what it is to do there; the file that it is given, as JSON. */
export interface Target {
  /** Host and port of gRPC. */
  readonly address: string;
  /** Host and port of gRPC-Web: the server's own HTTP port, or Envoy. */
  readonly httpAddress: string;
  readonly load: Load;
  /** Where the MessageLines go. */
  readonly messagesFile: string;
}
