import type { ShownMessage } from '../../client/app.ts';

const linePx = 26;
/** On a wide page; a narrow one has less, and is wrong by more. */
const charsPerLine = 80;
/** Padding, and the line with the time. */
const aroundPx = 80;
const mediaPx = 300;

/** How high a message that was never drawn will be, roughly: the scroll bar goes by it. */
export function expectedHeightPx({ parts }: ShownMessage): number {
  const heights = parts.map((part) => (part.kind === 'text' ? linesOf(part.text) * linePx : mediaPx));
  return heights.reduce((sum, height) => sum + height, aroundPx);
}

function linesOf(text: string): number {
  return text.split('\n').reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / charsPerLine)), 0);
}
