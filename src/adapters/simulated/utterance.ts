/** What can be seen in a text without understanding it. */
export interface Observed {
  readonly lower: string;
  readonly words: readonly string[];
  /** `1 word`, `7 words`, or `more than 350 words` when the text is longer than the analysed part. */
  readonly wordCount: string;
  /** The most significant words, without repeats, as written; never empty unless `words` is. */
  readonly keywords: readonly string[];
  readonly isQuestion: boolean;
}

/** More of a text than this is not looked at: enough for any chat message, and it bounds the work. */
const maxObservedChars = 2_000;

/** Longer words are not repeated: they are addresses, codes, or scripts without spaces. */
const maxKeywordChars = 24;

const word = /[\p{L}\p{M}\p{N}]+(?:['’-][\p{L}\p{M}\p{N}]+)*/gu;

const questionStart =
  /^(?:who|whom|whose|what|when|where|why|which|how|is|are|am|was|were|do|does|did|can|could|will|would|shall|should|may|might|have|has)\b/;

const questionMark = /[?？؟]/;

const commonWords = new Set(
  `a about after again all also am an and any are as at be because been before being but by can could did do does doing don't
  down for from get give go good got had has have he hello her here hey hi him his how i i'd i'll i'm i've if in into is it it's
  its just know like make may me might more most much must my no not now of off ok on one only or other our out over please
  really said same say see shall she should so some such tell than thank thanks that that's the their them then there these
  they thing think this those through to today too under up us very want was we were what what's when where which while who
  whom whose why will with would yes you you're your`.split(/\s+/),
);

function keywordsOf(words: readonly string[]): readonly string[] {
  const telling = new Map<string, string>();
  for (const written of words) {
    const key = written.toLowerCase();
    if (key.length <= 2 || key.length > maxKeywordChars || commonWords.has(key) || telling.has(key)) continue;
    telling.set(key, written);
  }
  if (telling.size > 0) return [...telling.values()];
  return words.slice(0, 1).map((first) => first.slice(0, maxKeywordChars).toWellFormed());
}

/** Observes a text, without any time or chance in it. */
export function observe(text: string): Observed {
  const seen = text.slice(0, maxObservedChars);
  const lower = seen.toLowerCase();
  const words = seen.match(word) ?? [];
  return {
    lower,
    words,
    wordCount: `${seen.length < text.length ? 'more than ' : ''}${words.length} ${words.length === 1 ? 'word' : 'words'}`,
    keywords: keywordsOf(words),
    isQuestion: questionMark.test(lower) || questionStart.test(lower),
  };
}

const otherPerson: Readonly<Record<string, string>> = {
  i: 'you',
  "i'm": 'you are',
  "i've": 'you have',
  "i'll": 'you will',
  "i'd": 'you would',
  am: 'are',
  was: 'were',
  me: 'you',
  my: 'your',
  mine: 'yours',
  myself: 'yourself',
  you: 'me',
  your: 'my',
  yours: 'mine',
};

/** Enough of a sentence to be recognised. */
const maxReflectedWords = 12;

/** What a speaker says of themselves, turned round: `I like my dog` becomes `you like your dog`. */
export function reflect(text: string): string {
  const sentence =
    text
      .slice(0, maxObservedChars)
      .trim()
      .split(/[.!?\n]/, 1)[0] ?? '';
  const words = (sentence.match(word) ?? []).slice(0, maxReflectedWords);
  return words
    .map(
      (written) =>
        otherPerson[written.toLowerCase().replace('’', "'")] ?? written.slice(0, maxKeywordChars).toWellFormed(),
    )
    .join(' ');
}
