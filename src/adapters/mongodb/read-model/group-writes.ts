import type { Checkpoint, DocumentWrite } from '../../../ports/read-model.ts';

interface Member {
  readonly writes: readonly DocumentWrite[];
  readonly checkpoints: readonly Checkpoint[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

type Write = (writes: readonly DocumentWrite[], checkpoints: readonly Checkpoint[]) => Promise<void>;

/**
 * Group commit: writes that arrive during a command are sent together after it. Partitions are folded concurrently, and a command costs the server as
 * much as many documents.
 */
export class GroupWrites {
  readonly #write: Write;
  #waiting: Member[] = [];
  #isUnderWay = false;

  constructor(write: Write) {
    this.#write = write;
  }

  /** Resolves once it is written; rejects with what keeps it from that. */
  add(writes: readonly DocumentWrite[], checkpoints: readonly Checkpoint[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ writes, checkpoints, resolve, reject });
      if (this.#isUnderWay) return;
      this.#isUnderWay = true;
      // Others may come in this turn of the event loop.
      setImmediate(() => void this.#run());
    });
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      await this.#together(group);
    }
    this.#isUnderWay = false;
  }

  /** One member's fault is not the others': each alone tells whose it was. */
  async #together(group: readonly Member[]): Promise<void> {
    try {
      await this.#write(
        group.flatMap(({ writes }) => writes),
        group.flatMap(({ checkpoints }) => checkpoints),
      );
      for (const { resolve } of group) resolve();
    } catch (error) {
      if (group.length === 1) group[0]?.reject(error);
      else await Promise.all(group.map((member) => this.#together([member])));
    }
  }
}
