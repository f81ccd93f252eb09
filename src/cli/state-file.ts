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

  /** Replaces the file in one step, so that a kill leaves the old or the new one. */
  write(state: SessionState): void {
    writePrivateJson(this.path, { ...state, afterSequence: String(state.afterSequence) });
  }
}
