import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { SessionState } from './chat-events.ts';

/** File names end at 255 bytes; this leaves room for what is put after them. */
const MAX_NAME_LENGTH = 200;

/** Only their owner may read files that hold a resume token. */
const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;

/**
 * What one client at one server needs to go on in another process. One file each, so that chats under different names
 * never write over each other.
 */
export class StateFile {
  readonly path: string;

  /** @param stateHome as XDG_STATE_HOME; default `~/.local/state` */
  constructor(stateHome: string | undefined, address: string, clientId: string) {
    const folder = join(stateHome || join(homedir(), '.local', 'state'), 'parley');
    const name = fileNameOf(`${address} ${clientId}`);
    this.path = join(folder, `${name}.json`);
  }

  /** @returns undefined when there is none, or it is not one of ours: then the chat begins anew */
  read(): SessionState | undefined {
    try {
      return parse(readFileSync(this.path, 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Replaces the file in one step, so that a kill leaves the old or the new one. */
  write(state: SessionState): void {
    mkdirSync(dirname(this.path), { recursive: true, mode: PRIVATE_FOLDER });
    const temporary = `${this.path}.${process.pid}`;
    const text = JSON.stringify({ ...state, afterSequence: String(state.afterSequence) });
    writeFileSync(temporary, `${text}\n`, { mode: PRIVATE_FILE });
    renameSync(temporary, this.path);
  }
}

function parse(text: string): SessionState | undefined {
  try {
    const { resumeToken, conversationId, afterSequence } = JSON.parse(text);
    if (typeof resumeToken !== 'string' || typeof conversationId !== 'string') return undefined;
    return { resumeToken, conversationId, afterSequence: BigInt(afterSequence) };
  } catch (error) {
    // What is not JSON, or holds no object, or no number: another program's, or cut short.
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

/** A readable file name, different for different texts, wherever they would lead as a path. */
function fileNameOf(text: string): string {
  const name = encodeURIComponent(text);
  if (name.length <= MAX_NAME_LENGTH) return name;
  const digest = createHash('sha256').update(text).digest('hex');
  return `${name.slice(0, MAX_NAME_LENGTH - digest.length)}${digest}`;
}
