/** A conversation as one client knows it. */
export class Conversation {
  /** Empty until the server has named it. */
  id: string;
  #receivedUpTo: bigint;

  constructor(id: string, afterSequence: bigint) {
    this.id = id;
    this.#receivedUpTo = afterSequence;
  }

  /** Every message up to this sequence was received. */
  get receivedUpTo(): bigint {
    return this.#receivedUpTo;
  }

  /** @returns whether the message is new: larger than any before it */
  receive(sequence: bigint): boolean {
    if (sequence <= this.#receivedUpTo) return false;
    this.#receivedUpTo = sequence;
    return true;
  }
}
