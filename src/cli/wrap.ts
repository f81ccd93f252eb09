const CJK = /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|[\u3000-\u303f\uff01-\uff60]/u;
const EMOJI = /\p{Emoji_Presentation}/u;
/** Marks, zero-width spaces and joiners. */
const UNSEEN = /\p{M}|\u200b|\u200c|\u200d/u;

/** How a terminal is told to show what follows, or one character. */
const SIGN = /\u001b\[\d+m|./gsu;

/** Columns that a terminal gives to a text without control characters but those for bold and the like. Two where in doubt between one and two. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const sign of signsOf(text)) columns += columnsOfOne(sign);
  return columns;
}

function signsOf(text: string): readonly string[] {
  return text.match(SIGN) ?? [];
}

function columnsOfOne(character: string): number {
  if (character.startsWith('\u001b') || UNSEEN.test(character)) return 0;
  return CJK.test(character) || EMOJI.test(character) ? 2 : 1;
}

/**
 * Breaks text into rows of at most so many columns: at line feeds, else at spaces, else anywhere. There is at least one
 * row. The last row of a line keeps the spaces at its end, even over the edge: what is appended later begins after
 * them.
 */
export function wrap(text: string, columns: number): string[] {
  return text.split('\n').flatMap((line) => wrapLine(line.replaceAll('\t', '    '), columns));
}

/** The beginning of a text that fits on one row. */
export function cut(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  let kept = '';
  for (const character of text) {
    if (columnsOf(kept) + columnsOf(character) > columns - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

function wrapLine(line: string, columns: number): string[] {
  const rows: string[] = [];
  let row = '';
  // Words with the spaces after them: these may hang over the edge unseen.
  for (const word of line.match(/\S+\s*|\s+/g) ?? []) {
    if (columnsOf(row) + columnsOf(word.trimEnd()) <= columns) {
      row += word;
      continue;
    }
    if (row !== '') rows.push(row.trimEnd());
    const pieces = breakWord(word, columns);
    rows.push(...pieces.slice(0, -1));
    row = pieces.at(-1) ?? '';
  }
  rows.push(row);
  return rows;
}

function breakWord(word: string, columns: number): string[] {
  const pieces = [''];
  for (const character of signsOf(word)) {
    const last = pieces.at(-1) ?? '';
    if (columnsOf(last) + columnsOf(character) > columns && character.trim() !== '') pieces.push(character);
    else pieces[pieces.length - 1] = last + character;
  }
  return pieces;
}
