import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemWords, Trouble } from './trouble.ts';

/** File names end at 255 bytes; this leaves room for what is put after them. */
const MAX_NAME_LENGTH = 200;

/** Only their owner may read files that hold a token. */
const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;

/** Where the client keeps what it needs the next time. @param stateHome as XDG_STATE_HOME; default `~/.local/state` */
export function stateFolder(stateHome: string | undefined): string {
  return join(stateHome || join(homedir(), '.local', 'state'), 'parley');
}

/** A readable file name, different for different texts, wherever they would lead as a path. */
export function fileNameOf(text: string): string {
  const name = encodeURIComponent(text);
  if (name.length <= MAX_NAME_LENGTH) return name;
  const digest = createHash('sha256').update(text).digest('hex');
  return `${name.slice(0, MAX_NAME_LENGTH - digest.length)}${digest}`;
}

/** What the file holds as JSON; undefined when it is not there, or was cut short or written by another program. */
export function readPrivateJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Replaces the file in one step, so that a kill leaves the old or the new one. Throws Trouble when it cannot be written. */
export function writePrivateJson(path: string, value: unknown): void {
  makePrivateFolder(dirname(path));
  const temporary = `${path}.${process.pid}`;
  inState(path, () => {
    writeFileSync(temporary, `${JSON.stringify(value)}\n`, { mode: PRIVATE_FILE });
    renameSync(temporary, path);
  });
}

/** Makes the folder, if it is not there. Throws Trouble when it cannot be made. */
export function makePrivateFolder(path: string): void {
  inState(path, () => mkdirSync(path, { recursive: true, mode: PRIVATE_FOLDER }));
}

/** A home folder may be read-only, as in a container. */
function inState(path: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    throw new Trouble(`${path} cannot be written: ${systemWords(error)}. XDG_STATE_HOME can name another folder.`);
  }
}
