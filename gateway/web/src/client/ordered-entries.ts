import { type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { Entry, ShownMessage } from './app.ts';

/** Where an entry stands: by each number in turn, the smaller first. */
export type Place = readonly [number, number, number];

interface Standing {
  readonly entry: Entry;
  readonly message: Signal<ShownMessage>;
  place: Place;
}

/**
 * Entries in the order of their places. An entry stays the same object as long as it is there; the list is a new one only when something
 * comes, goes or moves.
 */
export class OrderedEntries {
  readonly list: ReadonlySignal<readonly Entry[]>;
  readonly #list = signal<readonly Entry[]>([]);
  readonly #byKey = new Map<string, Standing>();
  readonly #standing: Standing[] = [];
  #batches = 0;
  #isChanged = false;

  constructor() {
    this.list = this.#list;
  }

  get(key: string): ShownMessage | undefined {
    return this.#byKey.get(key)?.message.peek();
  }

  values(): ShownMessage[] {
    return this.#standing.map(({ message }) => message.peek());
  }

  /** Adds what is new, changes what is there, and moves it when its place is another. */
  set(key: string, message: ShownMessage, place: Place): void {
    const known = this.#byKey.get(key);
    if (known === undefined) {
      const shown = signal(message);
      const standing = { entry: { key, message: shown }, message: shown, place };
      this.#byKey.set(key, standing);
      this.#insert(standing);
      return;
    }
    known.message.value = message;
    if (compare(known.place, place) === 0) return;
    // In one step: an entry that were gone in between would be drawn anew.
    this.batch(() => {
      this.#take(known);
      known.place = place;
      this.#insert(known);
    });
  }

  /** Changes what is there, in its place. */
  update(key: string, change: (message: ShownMessage) => ShownMessage): void {
    const known = this.#byKey.get(key);
    if (known !== undefined) known.message.value = change(known.message.peek());
  }

  remove(key: string): void {
    const known = this.#byKey.get(key);
    if (known === undefined) return;
    this.#byKey.delete(key);
    this.#take(known);
  }

  /** Everything that is done meanwhile makes one new list. */
  batch(changes: () => void): void {
    this.#batches += 1;
    try {
      changes();
    } finally {
      this.#batches -= 1;
      this.#tell();
    }
  }

  #insert(standing: Standing): void {
    this.#standing.splice(this.#indexOf(standing.place), 0, standing);
    this.#isChanged = true;
    this.#tell();
  }

  #take(standing: Standing): void {
    this.#standing.splice(this.#standing.indexOf(standing), 1);
    this.#isChanged = true;
    this.#tell();
  }

  /** Behind all whose place is not later. */
  #indexOf(place: Place): number {
    let [from, to] = [0, this.#standing.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      const standing = this.#standing[middle];
      if (standing !== undefined && compare(standing.place, place) <= 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  #tell(): void {
    if (this.#batches > 0 || !this.#isChanged) return;
    this.#isChanged = false;
    this.#list.value = this.#standing.map(({ entry }) => entry);
  }
}

function compare(one: Place, other: Place): number {
  for (const index of [0, 1, 2] as const) {
    if (one[index] !== other[index]) return one[index] < other[index] ? -1 : 1;
  }
  return 0;
}
