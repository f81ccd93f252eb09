/** How long and how much is measured. */
export interface Plan {
  readonly measureMs: number;
  /**
   * Long enough for the compilers of V8 and of the engines' JVMs to have seen the hot paths: of a deployment that has just started, 1,000 messages
   * took 1.74 s of CPU from the fifth second on, 1.47 from the 17th, and 1.38 to 1.31 later.
   */
  readonly warmUpMs: number;
  /** Messages in the log. */
  readonly sizes: readonly number[];
  readonly pieceRounds: number;
  readonly connects: number;
  /** On each way into the server, in turns. */
  readonly ways: { readonly calls: number; readonly replies: number };
  /** Messages in the log of a deployment. */
  readonly grownMessages: number;
}

export const plans = {
  whole: {
    measureMs: 10_000,
    warmUpMs: 20_000,
    sizes: [1_000, 100_000, 1_000_000],
    pieceRounds: 5,
    connects: 1_000,
    ways: { calls: 4_000, replies: 1_000 },
    grownMessages: 100_000,
  },
  quick: {
    measureMs: 3_000,
    warmUpMs: 1_500,
    sizes: [1_000, 100_000],
    pieceRounds: 1,
    connects: 300,
    ways: { calls: 1_000, replies: 200 },
    grownMessages: 10_000,
  },
} as const satisfies Record<string, Plan>;

/** A reply comes at once. One client in a closed loop says more than a client may by default. */
export const wholeReplies = { PARLEY_SIMULATED_PIECES: '0', PARLEY_MESSAGES_PER_CLIENT_PER_MINUTE: '1000000' };

/** A reply comes at once, too, and its first piece before it. */
export const twoPieces = { PARLEY_SIMULATED_PIECES: '2' };

/** A reply comes in 100 pieces, one each 10 ms. */
export const slowReplies = { PARLEY_SIMULATED_PIECES: '100', PARLEY_SIMULATED_PIECE_INTERVAL_MS: '10' };
export const pieceIntervalMs = 10;
