interface Entry {
  clientId: string;
  lastOffset: number;
}

/**
 * Whose each conversation of a partition is, and where it was spoken in last: of the conversations that were spoken in last. In two generations, the
 * older of which is forgotten as a whole: to keep them in order costs each record more than to fold it.
 */
export class ConversationIndex {
  readonly #perGeneration: number;
  #newer = new Map<string, Entry>();
  /** Some of them are in the newer one, too. */
  #older = new Map<string, Entry>();
  /** What was recorded from this offset on is noted in the newer generation. */
  #newerFrom: number;
  #completeFrom: number;

  /** What was recorded from this offset on will have been noted. At least half of `maxConversations` are known. */
  constructor(completeFrom: number, maxConversations: number) {
    this.#completeFrom = completeFrom;
    this.#newerFrom = completeFrom;
    this.#perGeneration = Math.ceil(maxConversations / 2);
  }

  /** Every conversation in which anything was recorded at this offset or later is known. */
  get completeFrom(): number {
    return this.#completeFrom;
  }

  /** Something was recorded in the conversation; `clientId`: '' where the record does not say whose it is. */
  note(conversationId: string, clientId: string, offset: number): void {
    const known = this.#newer.get(conversationId);
    if (known !== undefined) {
      known.lastOffset = offset;
      // Whose it is never changes.
      if (known.clientId === '') known.clientId = clientId;
      return;
    }
    const owner = this.#older.get(conversationId)?.clientId || clientId;
    if (this.#newer.size >= this.#perGeneration) this.#forgetOlder(offset);
    this.#newer.set(conversationId, { clientId: owner, lastOffset: offset });
  }

  /** undefined: not known here. */
  ownerOf(conversationId: string): string | undefined {
    return this.#of(conversationId)?.clientId || undefined;
  }

  /** True if certainly nothing was recorded in the conversation after this offset. */
  isQuietAfter(conversationId: string, offset: number): boolean {
    const known = this.#of(conversationId);
    return known === undefined ? offset + 1 >= this.#completeFrom : known.lastOffset <= offset;
  }

  #of(conversationId: string): Entry | undefined {
    return this.#newer.get(conversationId) ?? this.#older.get(conversationId);
  }

  #forgetOlder(offset: number): void {
    this.#completeFrom = Math.max(this.#completeFrom, this.#older.size === 0 ? 0 : this.#newerFrom);
    this.#older = this.#newer;
    this.#newer = new Map();
    this.#newerFrom = offset;
  }
}
