import { Writable } from 'node:stream';

const SEQUENCE = /^\u001b\[(\d*)(?:;\d+)*([A-Za-z])/;

/**
 * The screen of a terminal that is tall enough never to scroll, and understands what readline and the chat write to it.
 */
export class TerminalEmulator extends Writable {
  readonly isTTY = true;
  readonly columns: number;
  #rows: string[][] = [[]];
  #row = 0;
  #column = 0;

  constructor(columns: number) {
    super({ decodeStrings: false });
    this.columns = columns;
  }

  /** What is to be seen, without trailing spaces. */
  get screen(): string[] {
    return this.#rows.map((row) =>
      Array.from(row, (cell) => cell ?? ' ')
        .join('')
        .trimEnd(),
    );
  }

  override _write(chunk: string, _encoding: string, done: () => void): void {
    for (let rest = String(chunk); rest !== ''; ) {
      const sequence = SEQUENCE.exec(rest);
      if (sequence === null) this.#print(rest.charAt(0));
      else this.#control(sequence[2] ?? '', Number(sequence[1]));
      rest = rest.slice(sequence?.[0].length ?? 1);
    }
    done();
  }

  #print(character: string): void {
    if (character === '\r') this.#column = 0;
    else if (character === '\n') this.#moveTo(this.#row + 1, 0);
    else {
      if (this.#column === this.columns) this.#moveTo(this.#row + 1, 0);
      this.#cells[this.#column] = character;
      this.#column += 1;
    }
  }

  #control(command: string, count: number): void {
    if (command === 'A') this.#moveTo(Math.max(0, this.#row - Math.max(1, count)), this.#column);
    else if (command === 'B') this.#moveTo(this.#row + Math.max(1, count), this.#column);
    else if (command === 'G') this.#column = count - 1;
    else if (command === 'C') this.#column += Math.max(1, count);
    else if (command === 'D') this.#column -= Math.max(1, count);
    else if (command === 'J') this.#clearBelow();
    else if (command === 'K') this.#cells.length = Math.min(this.#cells.length, this.#column);
    else if (command !== 'm') throw new Error(`The emulator does not know ESC [ ${count} ${command}.`);
  }

  #clearBelow(): void {
    this.#cells.length = Math.min(this.#cells.length, this.#column);
    this.#rows.length = this.#row + 1;
  }

  #moveTo(row: number, column: number): void {
    while (this.#rows.length <= row) this.#rows.push([]);
    this.#row = row;
    this.#column = column;
  }

  get #cells(): string[] {
    const cells = this.#rows[this.#row] ?? [];
    this.#rows[this.#row] = cells;
    return cells;
  }
}
