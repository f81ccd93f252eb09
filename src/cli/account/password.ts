import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { ReadStream } from 'node:tty';
import { systemWords, Trouble } from '../trouble.ts';

/** Where a password comes from. */
export interface PasswordSource {
  readonly file?: string | undefined;
  readonly input: ReadStream | NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  /** Asked twice, since nobody sees what is typed. */
  readonly isNew: boolean;
}

/**
 * A password: the file's first line; else asked for without echo on a terminal; else the first line of the input.
 * @throws Trouble when there is none
 */
export async function readPassword({ file, input, output, isNew }: PasswordSource): Promise<string> {
  if (file !== undefined) return firstLineOf(file);
  if (!isTerminal(input)) return firstLine(input);
  const password = await askHidden('Password: ', input, output);
  if (isNew && (await askHidden('Once more: ', input, output)) !== password)
    throw new Trouble('These were two different passwords.');
  return password;
}

function isTerminal(input: PasswordSource['input']): input is ReadStream {
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

async function firstLine(input: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface({ input, crlfDelay: Infinity })) return known(line);
  return known('');
}

function known(password: string | undefined): string {
  if (!password) throw new Trouble('There is no password: its first line is empty.');
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
