import { bytesText } from './media-text.ts';

/** Less than this is over before a bar could be read. */
const SHOWN_FROM_BYTES = 1024 * 1024;
/** As often as a person can follow; a terminal shows no more. */
const SHOWN_EVERY_MS = 100;
/** Characters of the bar itself. */
const BAR_WIDTH = 24;

/** Where the progress of a transfer is shown; empty: nothing is under way. */
export type ShowProgress = (text: string) => void;

/** How far one transfer is. */
export interface Progress {
  /** @param doneBytes from its beginning; a repeated transfer begins again */
  readonly to: (doneBytes: number) => void;
  readonly end: () => void;
}

/** Tells how far a transfer is, if it is a large one. */
export function progressOf(label: string, allBytes: number, show: ShowProgress): Progress {
  if (allBytes <= SHOWN_FROM_BYTES) return { to: () => undefined, end: () => undefined };
  let shownMs = -Infinity;
  return {
    to: (doneBytes) => {
      if (performance.now() - shownMs < SHOWN_EVERY_MS) return;
      shownMs = performance.now();
      show(`${label} ${bar(doneBytes / allBytes)} ${bytesText(doneBytes)} of ${bytesText(allBytes)}`);
    },
    end: () => show(''),
  };
}

function bar(share: number): string {
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  return `${'█'.repeat(Math.round(share * BAR_WIDTH)).padEnd(BAR_WIDTH, '░')}${percent}`;
}

/** On a terminal's own line; nowhere when the output is no terminal. */
export function progressLine(output: NodeJS.WritableStream & { readonly isTTY?: boolean }): ShowProgress {
  return (text) => {
    if (output.isTTY) output.write(`\r\u001b[K${text}`);
  };
}
