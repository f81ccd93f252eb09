/** A part of a text as one piece after the other: what was found, and what stands between. */
export type Excerpt = readonly ExcerptPiece[];

export interface ExcerptPiece {
  readonly text: string;
  readonly isFound: boolean;
}

/** Something that was found in a text: UTF-16 units, the end excluded. What was looked for is told apart by `asked`. */
export interface FoundPlace {
  readonly start: number;
  readonly end: number;
  readonly asked: string;
}

/** Two or three lines of a list. */
const maxExcerptUnits = 200;
/** Before what was found: enough to know what it is about. */
const leadUnits = 50;

/** The part of the text where most of what was looked for stands together, the first such; from its beginning when nothing was found. Places by their start. */
export function excerptOf(text: string, places: readonly FoundPlace[]): Excerpt {
  const from = beginningAt(text, densestStart(places));
  const to = endingAt(text, from + maxExcerptUnits);
  const pieces: ExcerptPiece[] = [];
  const add = (piece: string, isFound: boolean) => {
    if (piece !== '') pieces.push({ text: piece.replaceAll(/\s+/g, ' '), isFound });
  };
  let at = from;
  for (const { start, end } of apart(places)) {
    if (end <= at || start >= to) continue;
    add(text.slice(at, start), false);
    at = Math.min(end, to);
    add(text.slice(start, at), true);
  }
  add(text.slice(at, to), false);
  if (from > 0) pieces.unshift({ text: '…', isFound: false });
  if (to < text.length) pieces.push({ text: '…', isFound: false });
  return pieces;
}

/** Those that share a character, as two words of a fraction, are one. */
function apart(places: readonly FoundPlace[]): readonly { readonly start: number; readonly end: number }[] {
  const found: { readonly start: number; end: number }[] = [];
  for (const { start, end } of places) {
    const last = found.at(-1);
    if (last === undefined || start >= last.end) found.push({ start, end });
    else last.end = Math.max(last.end, end);
  }
  return found;
}

function densestStart(places: readonly FoundPlace[]): number {
  const together = new Map<string, number>();
  let best = { start: 0, count: 0 };
  let first = 0;
  for (const { asked, end } of places) {
    together.set(asked, (together.get(asked) ?? 0) + 1);
    for (let left = places[first]; left && end > left.start + maxExcerptUnits - leadUnits; left = places[++first]) {
      const others = (together.get(left.asked) ?? 0) - 1;
      if (others > 0) together.set(left.asked, others);
      else together.delete(left.asked);
    }
    if (together.size > best.count) best = { start: places[first]?.start ?? 0, count: together.size };
  }
  return best.start;
}

/** At the beginning of a word, if one begins there. */
function beginningAt(text: string, found: number): number {
  const from = found - leadUnits;
  if (from <= 0) return 0;
  const space = text.slice(from, found).search(/\s/);
  return space === -1 ? wholeCharacter(text, from) : from + space + 1;
}

/** At the end of a word, if one ends in the last quarter. */
function endingAt(text: string, to: number): number {
  if (to >= text.length) return text.length;
  const tail = text.slice(to - maxExcerptUnits / 4, to + 1).search(/\s\S*$/);
  return tail === -1 ? wholeCharacter(text, to) : to - maxExcerptUnits / 4 + tail;
}

function wholeCharacter(text: string, at: number): number {
  return /[\udc00-\udfff]/.test(text.charAt(at)) ? at - 1 : at;
}
