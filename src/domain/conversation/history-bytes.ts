import type { Part } from './events.ts';
import { mediaOf, textOf } from './events.ts';
import { utf8Length } from './utf8.ts';

/** What the log and history keep of a message beside its text: ids, times, claims and the like. Without it empty words would cost nothing. */
export const messageOverheadBytes = 256;

/** What a message adds to its client's history. Of its media the names are counted; the objects are where they are. */
export function historyBytesOf(parts: readonly Part[]): number {
  const names = mediaOf(parts).map(({ fileName = '' }) => fileName);
  return messageOverheadBytes + utf8Length(textOf(parts)) + utf8Length(names.join(''));
}
