import { utf8Length } from './utf8.ts';

/** What the log and history keep of a message beside its text: ids, times, claims and the like. Without it empty words would cost nothing. */
export const messageOverheadBytes = 256;

/** What is counted of a part: its text, or the name of its file. The objects of media are counted where they are. */
type Counted = { readonly text: string } | { readonly fileName?: string | undefined };

/** What a message adds to its client's history. @param instructions stored with it */
export function historyBytesOf(parts: readonly Counted[], instructions = ''): number {
  const said = parts.map((part) => ('text' in part ? part.text : (part.fileName ?? '')));
  return messageOverheadBytes + utf8Length(said.join('')) + utf8Length(instructions);
}
