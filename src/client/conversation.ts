/** A conversation as one client knows it; `join` and `post` take it where it has no id yet. */
export class Conversation {
  /** Empty until the server has named it. */
  id: string;
  /** No session can be in it any more, except one that was in it already. */
  isDeleted = false;
  #receivedUpTo: bigint;

  constructor(id = '', afterSequence = 0n) {
    this.id = id;
    this.#receivedUpTo = afterSequence;
  }

  /** Everything up to this sequence was received. */
  get receivedUpTo(): bigint {
    return this.#receivedUpTo;
  }

  /** @returns whether what stands there is new: behind all that came before it */
  receive(sequence: bigint): boolean {
    if (sequence <= this.#receivedUpTo) return false;
    this.#receivedUpTo = sequence;
    return true;
  }
}
