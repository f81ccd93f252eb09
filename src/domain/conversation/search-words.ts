/** Scripts without spaces between words: each character is a word of its own, so that any part of a sentence is found. */
const unspaced = String.raw`\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}`;
const wordForm = new RegExp(String.raw`[${unspaced}]|[[\p{L}\p{N}]--[${unspaced}]]+`, 'gv');
const marks = /\p{M}+/gu;

/** Letters that Unicode does not decompose, as people write them whose keyboard lacks them. The sigma is one letter, wherever it stands. */
const spellings: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ħ: 'h',
  ı: 'i',
  ς: 'σ',
};
const respelled = /[ßæœøłđðþħıς]/g;

/** Maximum length of an indexed word, in UTF-16 units: nobody searches for longer ones. */
const maxWordUnits = 64;

/** A word of a text, and where it stands there: UTF-16 units, the end excluded. */
export interface WordPlace {
  readonly word: string;
  readonly start: number;
  readonly end: number;
}

/**
 * The words of a text, without repeats, in order of first occurrence. The definition of a word for search in every engine: the text in compatibility
 * decomposition (NFKD), without marks, in lower case and with the letters of `spellings` spelled out, split at everything that is neither letter nor
 * number; in scripts without spaces each character.
 */
export function wordsOf(text: string): readonly string[] {
  return [...new Set(plainText.test(text) ? plainWords(text) : anyWords(text))];
}

/** The same words, each time they occur, with their places. Two may share a character: ½ has two words. */
export function* placesOf(text: string): Generator<WordPlace, void, void> {
  if (plainText.test(text)) {
    for (const { 0: found, index } of text.toLowerCase().matchAll(plainWord))
      yield { word: found.slice(0, maxWordUnits), start: index, end: index + found.length };
    return;
  }
  const { folded, starts } = foldedByCharacter(text);
  for (const { 0: found, index } of folded.matchAll(wordForm)) {
    const last = starts[index + found.length - 1] ?? 0;
    const next = starts[index + found.length] ?? text.length;
    // Marks belong to the letter before them; of a character that holds several words, all of it belongs to each.
    const end = next > last ? next : last + String.fromCodePoint(text.codePointAt(last) ?? 0).length;
    yield { word: cut(found), start: starts[index] ?? 0, end };
  }
}

/** ASCII, and punctuation that decomposes into punctuation only: most text, and five times as fast to split. */
const plainText = /^[\u0000-\u007f\u2010-\u205e]*$/;
const plainWord = /[a-z0-9]+/g;

function plainWords(text: string): readonly string[] {
  return (text.toLowerCase().match(plainWord) ?? []).map((word) => word.slice(0, maxWordUnits));
}

function anyWords(text: string): readonly string[] {
  return Array.from(fold(text).matchAll(wordForm), ([word]) => cut(word));
}

function cut(word: string): string {
  return word.slice(0, maxWordUnits).toWellFormed();
}

function fold(text: string): string {
  const plain = text.normalize('NFKD').replace(marks, '').toLowerCase().replace(marks, '');
  return plain.replace(respelled, (letter) => spellings[letter] ?? letter);
}

/** The folded text, which is that of its characters one by one, and for each of its units where the character begins that it comes from. */
function foldedByCharacter(text: string): { readonly folded: string; readonly starts: readonly number[] } {
  let folded = '';
  const starts: number[] = [];
  for (const { 0: signs, index } of text.matchAll(asciiOrOne)) {
    const isOne = signs >= '\u0080';
    const letters = isOne ? fold(signs) : signs.toLowerCase();
    folded += letters;
    for (let unit = 0; unit < letters.length; unit++) starts.push(isOne ? index : index + unit);
  }
  return { folded, starts };
}

/** As much ASCII as there is, which folds to as many units, or one other character. */
const asciiOrOne = /[\u0000-\u007f]+|[^\u0000-\u007f]/gu;
