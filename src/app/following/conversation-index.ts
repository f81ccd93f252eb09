interface Entry {
  readonly clientId: string;
  readonly lastOffset: number;
}

/** Whose each conversation of a partition is, and where it was spoken in last: of the conversations that were spoken in last. */
export class ConversationIndex {
  readonly #maxConversations: number;
  /** Those spoken in last are last. */
  readonly #entries = new Map<string, Entry>();
  #completeFrom: number;

  /** What was recorded from this offset on will have been noted. */
  constructor(completeFrom: number, maxConversations: number) {
    this.#completeFrom = completeFrom;
    this.#maxConversations = maxConversations;
  }

  /** Every conversation in which anything was recorded at this offset or later is known. */
  get completeFrom(): number {
    return this.#completeFrom;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Something was recorded in the conversation; `clientId`: '' where the record does not say whose it is. */
  note(conversationId: string, clientId: string, offset: number): void {
    const known = this.#entries.get(conversationId);
    if (known !== undefined) this.#entries.delete(conversationId);
    // Whose it is never changes.
    this.#entries.set(conversationId, { clientId: known?.clientId || clientId, lastOffset: offset });
    if (this.#entries.size > this.#maxConversations) this.#dropOldest();
  }

  /** undefined: not known here. */
  ownerOf(conversationId: string): string | undefined {
    return this.#entries.get(conversationId)?.clientId || undefined;
  }

  /** True if certainly nothing was recorded in the conversation after this offset. */
  isQuietAfter(conversationId: string, offset: number): boolean {
    const known = this.#entries.get(conversationId);
    return known === undefined ? offset + 1 >= this.#completeFrom : known.lastOffset <= offset;
  }

  #dropOldest(): void {
    for (const [conversationId, { lastOffset }] of this.#entries) {
      this.#entries.delete(conversationId);
      this.#completeFrom = lastOffset + 1;
      return;
    }
  }
}
