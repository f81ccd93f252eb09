import { stemmer as english } from '@orama/stemmers/english';
import { stemmer as german } from '@orama/stemmers/german';
import { type Excerpt, excerptOf, type FoundPlace } from '../../src/domain/conversation/excerpt.ts';
import { placesOf } from '../../src/domain/conversation/search-words.ts';

/** Asked of each word, whatever the language of a text: nothing that is stored depends on them (docs/adr/0030). */
const stemmers = [english, german];

/** UTF-16 units that a word begins with. Fewer begin too many, and are looked for as a whole word. */
const minBeginningUnits = 3;

/** A word that is looked for. It is found in those that begin with it, and in its other forms. */
interface AskedWord {
  readonly word: string;
  /** What each word that it is found in begins with, but for few; undefined: only the word itself. */
  readonly beginning: string | undefined;
  isFoundIn(word: string): boolean;
}

/** Words that are looked for, as domain/conversation/search-words.ts gives them. */
export class AskedWords {
  readonly #asked: readonly AskedWord[];
  /** A text has the same words again and again. */
  readonly #askedIn = new Map<string, readonly string[]>();

  constructor(words: readonly string[]) {
    this.#asked = words.map(askedWord);
  }

  /** What an index of words is asked for: every document that is found has it, and a few others do. */
  get terms(): { readonly words: readonly string[]; readonly beginnings: readonly string[] } {
    return {
      words: this.#asked.filter(({ beginning }) => beginning === undefined).map(({ word }) => word),
      beginnings: this.#asked.flatMap(({ beginning }) => beginning ?? []),
    };
  }

  /** The text around what was found in it; null unless each of the words was. */
  excerptOf(text: string): Excerpt | null {
    const places: FoundPlace[] = [];
    for (const { word, start, end } of placesOf(text))
      for (const asked of this.foundIn(word)) places.push({ start, end, asked });
    return new Set(places.map(({ asked }) => asked)).size < this.#asked.length ? null : excerptOf(text, places);
  }

  /** Which of the words are found in this one. */
  foundIn(word: string): readonly string[] {
    const known = this.#askedIn.get(word);
    if (known !== undefined) return known;
    const found = this.#asked.filter((asked) => asked.isFoundIn(word)).map((asked) => asked.word);
    this.#askedIn.set(word, found);
    return found;
  }
}

function askedWord(word: string): AskedWord {
  if (word.length < minBeginningUnits) return { word, beginning: undefined, isFoundIn: (other) => other === word };
  const stems = stemmers.map((stem) => stem(word));
  const beginning = beginningOf(word, stems);
  return {
    word,
    beginning,
    isFoundIn: (other) =>
      other.startsWith(beginning) &&
      (other.startsWith(word) || stemmers.some((stem, index) => stem(other) === stems[index])),
  };
}

/** What all forms of the word begin with, but for 0.2 % of those of English. At its end, stems have other vowels than some of their forms: cities, city. */
function beginningOf(word: string, stems: readonly string[]): string {
  const shared = Math.min(...stems.map((stem) => sharedUnits(word, stem)));
  const stem = word.slice(0, shared);
  return [stem.replace(/[eiy]$/, ''), stem].find(({ length }) => length >= minBeginningUnits) ?? word;
}

function sharedUnits(left: string, right: string): number {
  let units = 0;
  while (units < left.length && left[units] === right[units]) units++;
  return units;
}
