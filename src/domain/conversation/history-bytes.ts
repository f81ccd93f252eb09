import type { Part } from './events.ts';
import { textOf } from './events.ts';
import { utf8Length } from './utf8.ts';

/** What the log and history keep of a message beside its text: ids, times, claims and the like. Without it empty words would cost nothing. */
export const messageOverheadBytes = 256;

/** What a message adds to its client's history. Its media are counted where they are. */
export function historyBytesOf(parts: readonly Part[]): number {
  return messageOverheadBytes + utf8Length(textOf(parts));
}
