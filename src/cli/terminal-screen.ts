import { EventEmitter } from 'node:events';
import type { Interface } from 'node:readline';
import { createInterface } from 'node:readline';
import type { ReadStream, WriteStream } from 'node:tty';
import { styleText } from 'node:util';
import type { Screen } from './chat-view.ts';
import type { Completion } from './completion.ts';
import { printableLine } from './text.ts';
import { columnsOf, cut, wrap } from './wrap.ts';

const PROMPT = 'you: ';
/** If the terminal does not say. */
const DEFAULT_COLUMNS = 80;

/**
 * With the rows that readline goes up before it draws the prompt. After a paste it counts them wrongly, so they are
 * set.
 */
interface Typing extends Interface {
  prevRows: number;
}

interface ScreenEvents {
  line: [string];
  interrupt: [];
  end: [];
  quit: [];
}

/**
 * A transcript that grows above a line being typed. Rows are broken here rather than by the terminal, so that the last,
 * unfinished one is a single row and can be written again when it grows.
 */
export class TerminalScreen extends EventEmitter<ScreenEvents> implements Screen {
  readonly #output: WriteStream;
  readonly #typing: Typing;
  #unfinished = '';
  #status = '';
  #isClosed = false;

  /** @param complete how a line may go on, asked for with the tabulator */
  constructor(input: ReadStream, output: WriteStream, complete?: (line: string) => Completion) {
    super();
    this.#output = output;
    const completer = complete && ((line: string) => this.#complete(complete(line), line));
    this.#typing = createInterface({ input, output, prompt: PROMPT, terminal: true, completer }) as Typing;
    this.#typing.on('line', (line) => this.#entered(line));
    this.#typing.on('SIGINT', () => this.emit('interrupt'));
    this.#typing.on('close', () => {
      // readline throws at whoever shows its prompt after that.
      this.#isClosed = true;
      this.emit('end');
    });
    this.#typing.prompt();
  }

  get atLineStart(): boolean {
    return this.#unfinished === '';
  }

  line(text: string): void {
    const rows = this.#unfinished === '' ? [] : [this.#unfinished];
    this.#replaceUnfinished([...rows, ...wrap(text, this.#columns)], '');
  }

  note(text: string): void {
    const rows = this.#unfinished === '' ? [] : [this.#unfinished];
    this.#replaceUnfinished([...rows, ...wrap(text, this.#columns).map(dim)], '');
  }

  append(text: string): void {
    const rows = wrap(this.#unfinished + text, this.#columns);
    const unfinished = rows.pop() ?? '';
    this.#replaceUnfinished(rows, unfinished);
  }

  endLine(): void {
    if (this.#unfinished !== '') this.#replaceUnfinished([this.#unfinished], '');
  }

  status(text: string): void {
    const status = cut(text, this.#columns);
    if (status !== this.#status) this.#draw('', 0, () => this.#setStatus(status));
  }

  /** Takes the line being typed away and gives the terminal back: nothing is shown after it. */
  close(): void {
    if (this.#isClosed) return;
    this.endLine();
    this.#output.write(this.#toPromptStart());
    this.#typing.close();
  }

  get #columns(): number {
    // One less: a full last column leaves some terminals on that row, others on the next.
    return Math.max(20, this.#terminalColumns - 1);
  }

  get #terminalColumns(): number {
    // Some say 0.
    return this.#output.columns || DEFAULT_COLUMNS;
  }

  #replaceUnfinished(rows: readonly string[], unfinished: string): void {
    const above = this.#unfinished === '' ? 0 : 1;
    this.#unfinished = unfinished;
    const all = unfinished === '' ? rows : [...rows, unfinished];
    this.#draw(all.map((row) => `${row.trimEnd()}\n`).join(''), above);
  }

  /** Writes above the prompt, over so many rows of the transcript. */
  #draw(text: string, rowsOver: number, change?: () => void): void {
    if (this.#isClosed) return;
    this.#output.write(`${this.#toPromptStart()}${up(rowsOver)}${CLEAR_BELOW}${text}`);
    change?.();
    this.#typing.prevRows = 0;
    this.#typing.prompt(true);
  }

  #toPromptStart(): string {
    return `${up(this.#typing.getCursorPos().rows)}\r${CLEAR_BELOW}`;
  }

  #setStatus(status: string): void {
    this.#status = status;
    this.#typing.setPrompt(status === '' ? PROMPT : `${dim(status)}\n${PROMPT}`);
  }

  /** readline's own list of choices would run over the status, so they are shown in the transcript. */
  #complete({ line, choices }: Completion, typed: string): [string[], string] {
    if (line === typed && choices.length > 0) this.note(choices.map(printableLine).join('  '));
    return [line === typed ? [] : [line], typed];
  }

  /** readline has left what was typed on the screen, under a status that is no part of the transcript. */
  #entered(line: string): void {
    this.#unfinished = '';
    if (this.#status !== '') {
      const typedRows = Math.ceil(columnsOf(PROMPT + line) / this.#terminalColumns);
      this.#output.write(`${up(typedRows + 1)}\r${CLEAR_BELOW}${PROMPT}${line}\n`);
    }
    if (!this.#isClosed) this.#typing.prompt();
    this.emit('line', line);
  }
}

const CLEAR_BELOW = '\u001b[J';

function up(rows: number): string {
  return rows === 0 ? '' : `\u001b[${rows}A`;
}

function dim(text: string): string {
  return styleText('dim', text);
}
