import { join } from 'node:path';
import type { SessionState } from '../client/chat-events.ts';
import { fileNameOf, readPrivateJson, stateFolder, writePrivateJson } from './private-file.ts';

/**
 * What one client at one server needs to go on in another process. One file each, so that chats under different names
 * never write over each other.
 */
export class StateFile {
  readonly path: string;

  /** @param stateHome as XDG_STATE_HOME; default `~/.local/state` */
  constructor(stateHome: string | undefined, address: string, clientId: string) {
    this.path = join(stateFolder(stateHome), `${fileNameOf(`${address} ${clientId}`)}.json`);
  }

  /** @returns undefined when there is none, or it is not one of ours: then the chat begins anew */
  read(): SessionState | undefined {
    const { resumeToken, conversationId, afterSequence } = Object(readPrivateJson(this.path));
    if (typeof resumeToken !== 'string' || typeof conversationId !== 'string') return undefined;
    if (!/^\d+$/.test(afterSequence)) return undefined;
    return { resumeToken, conversationId, afterSequence: BigInt(afterSequence) };
  }

  /** The process that has the session now, unless it is this one or has ended. */
  holder(): number | undefined {
    const { pid } = Object(readPrivateJson(this.path));
    return Number.isSafeInteger(pid) && pid > 0 && pid !== process.pid && isRunning(pid) ? pid : undefined;
  }

  /** Replaces the file in one step, so that a kill leaves the old or the new one. */
  write(state: SessionState): void {
    writePrivateJson(this.path, { ...state, afterSequence: String(state.afterSequence), pid: process.pid });
  }

  /** The session has ended here: nobody has it. */
  release(): void {
    const state = this.read();
    if (state !== undefined) writePrivateJson(this.path, { ...state, afterSequence: String(state.afterSequence) });
  }
}

/** A process of another user is none that has this session. */
function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
