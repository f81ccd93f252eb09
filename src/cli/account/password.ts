import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { ReadStream } from 'node:tty';
import { systemWords, Trouble } from '../trouble.ts';

/** Where passwords come from that are in no file. */
export interface PasswordTerminal {
  readonly input: ReadStream | NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
}

/** Where a password comes from. */
export interface PasswordSource extends PasswordTerminal {
  readonly file?: string | undefined;
  /** Asked twice, since nobody sees what is typed. */
  readonly isNew: boolean;
}

/** Where the two passwords of a change come from. */
export interface PasswordChangeSource extends PasswordTerminal {
  readonly oldFile?: string | undefined;
  readonly newFile?: string | undefined;
}

/** Asks for a secret: without echo on a terminal, else the next line of the input. */
type Ask = (question: string) => Promise<string>;

/**
 * A password: the file's first line; else asked for without echo on a terminal; else the first line of the input.
 * @throws Trouble when there is none
 */
export async function readPassword({ file, isNew, ...terminal }: PasswordSource): Promise<string> {
  if (file !== undefined) return firstLineOf(file);
  const ask = asking(terminal);
  return isNew ? askNew(ask, 'Password: ', terminal) : ask('Password: ');
}

/**
 * The old and the new password, each as `readPassword` has it; of the input that is no terminal, the next line for each that is in no file.
 * @throws Trouble when there is none
 */
export async function readPasswordChange({
  oldFile,
  newFile,
  ...terminal
}: PasswordChangeSource): Promise<{ readonly oldPassword: string; readonly newPassword: string }> {
  const ask = asking(terminal);
  const oldPassword = oldFile === undefined ? await ask('Old password: ') : firstLineOf(oldFile);
  const newPassword = newFile === undefined ? await askNew(ask, 'New password: ', terminal) : firstLineOf(newFile);
  return { oldPassword, newPassword };
}

function asking({ input, output }: PasswordTerminal): Ask {
  if (isTerminal(input)) return (question) => askHidden(question, input, output);
  const lines = createInterface({ input, crlfDelay: Infinity })[Symbol.asyncIterator]();
  return async () => {
    input.resume();
    const { value } = await lines.next();
    // An input that stays open must not keep the process.
    input.pause();
    return known(value);
  };
}

/** On a terminal twice. */
async function askNew(ask: Ask, question: string, { input }: PasswordTerminal): Promise<string> {
  const password = await ask(question);
  if (isTerminal(input) && (await ask('Once more: ')) !== password)
    throw new Trouble('These were two different passwords.');
  return password;
}

function isTerminal(input: PasswordTerminal['input']): input is ReadStream {
  return 'isTTY' in input && input.isTTY;
}

function firstLineOf(file: string): string {
  try {
    return known(readFileSync(file, 'utf8').split(/\r?\n/, 1)[0]);
  } catch (error) {
    if (error instanceof Trouble) throw error;
    throw new Trouble(`The password in ${file} cannot be read: ${systemWords(error)}.`);
  }
}

function known(password: string | undefined): string {
  if (!password) throw new Trouble('There is no password: its line is empty.');
  return password;
}

/** A line typed on a terminal that does not show it. @throws Trouble when the user breaks off */
function askHidden(question: string, input: ReadStream, output: NodeJS.WritableStream): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let typed: string[] = [];
  const take = (chunk: Buffer | string): void => {
    for (const key of String(chunk)) {
      if (key === '\r' || key === '\n') return resolve(typed.join(''));
      if (key === CTRL_C || key === CTRL_D) return reject(new Trouble('Broken off.'));
      if (key === CTRL_U) typed = [];
      else if (key === BACKSPACE || key === DELETE) typed.pop();
      else if (key >= ' ') typed.push(key);
    }
  };
  output.write(question);
  input.setRawMode(true);
  input.on('data', take).resume();
  return promise.finally(() => {
    input.off('data', take).pause();
    input.setRawMode(false);
    output.write('\n');
  });
}

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const CTRL_U = '\u0015';
const BACKSPACE = '\b';
const DELETE = '\u007f';
