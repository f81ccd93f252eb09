import { mediaInWords } from '../../domain/media/in-words.ts';
import type { ProviderRequest } from '../../ports/provider.ts';
import { type LocalTime, localTimeOf } from './local-time.ts';
import { elaborations, followUps, type Phrases, phrases, receipts, remarks, type Topic } from './phrases.ts';
import { pick, type Random } from './seeded-random.ts';
import { type Observed, observe, reflect } from './utterance.ts';

/** A message to answer. */
export type Said = Pick<ProviderRequest, 'text' | 'media' | 'replyKind' | 'timeZone' | 'timeMs' | 'instructions'>;

/** Greetings belong at the start of something short; `hi` in a long question is not its topic. */
const maxGreetingWords = 5;

/** More words than this are a story, answered as such. */
const longWords = 60;

const asksCount = /\bhow many words\b|\bcount (?:the |my |these )?words\b|\bword count\b/;
const asksTime = /\btime (?:is it|it is)\b|\b(?:what['’]s|what is|tell me) the (?:local |current )?time\b(?! ?zone)/;
const asksToday = /\b(?:day|date|month|year) (?:is it|is today|it is|today)\b/;
const asksDate = /\b(?:what['’]s|what is|tell me) (?:the|today['’]s) (?:date|day)\b/;
const asksZone = /\btime ?zone\b|\bwhere am i\b/;
const asksName = /\b(?:who|what) are you\b|\byour name\b/;
const asksNature = /\bare you (?:a |an )?(?:real|human|robot|bot|ai|model)\b/;
const asksWellbeing = /\bhow (?:are|do) you(?: doing| feel| today)?\b(?! \w)|\bhow(?: i|['’])s it going\b/;
const asksHelp = /^help\b|\bhelp me\b|\bwhat can you do\b|\bcan you help\b/;
const asksMarkdown = /\bmarkdown\b|\bcode block\b|\ba table\b/;
const asksDrawing = /\bdiagram\b|\bflow ?chart\b|\bformula\b/;
const thanks = /\bthank(?:s| you)\b|\bcheers\b/;
const takesLeave = /\b(?:good)?bye\b|\bsee you\b|\bgood night\b|\bfarewell\b/;
const greets = /^\W*(?:hi|hello|hey|greetings|good (?:morning|afternoon|evening|day))\b/;
const ofSelf = /^\W*(?:i|i['’](?:m|ve|ll|d)|my)\b/;
const feels =
  /\bi(?:['’]m| am| feel| was) (?:\w+ )?(?:sad|happy|tired|angry|glad|lonely|bored|sick|ill|afraid|well|fine|sorry|lost)\b/;
const assents = /^\W*(?:yes|no|ok|okay|sure|right|agreed|fine|exactly|indeed)\b/;

type Fits = (seen: Observed) => boolean;

const says =
  (...patterns: readonly RegExp[]): Fits =>
  ({ lower }) =>
    patterns.some((pattern) => pattern.test(lower));

const asks =
  (questionWord: RegExp): Fits =>
  ({ lower, isQuestion }) =>
    isQuestion && questionWord.test(lower);

/** In this order: the first topic that fits is the answer's. */
const topics: readonly (readonly [Topic, Fits])[] = [
  ['wordless', ({ words }) => words.length === 0],
  ['count', says(asksCount)],
  ['time', says(asksTime)],
  ['date', says(asksToday, asksDate)],
  ['zone', says(asksZone)],
  ['identity', says(asksName, asksNature)],
  ['wellbeing', says(asksWellbeing)],
  ['markdown', says(asksMarkdown)],
  ['drawing', says(asksDrawing)],
  ['help', says(asksHelp)],
  ['thanks', says(thanks)],
  ['farewell', says(takesLeave)],
  ['greeting', ({ lower, words }) => words.length <= maxGreetingWords && greets.test(lower)],
  ['long', ({ words }) => words.length > longWords],
  ['why', asks(/\bwhy\b/)],
  ['how', asks(/\bhow\b/)],
  ['when', asks(/\bwhen\b/)],
  ['where', asks(/\bwhere\b/)],
  ['who', asks(/\bwho(?:m|se)?\b/)],
  ['question', ({ isQuestion }) => isQuestion],
  ['feeling', says(feels)],
  ['reflection', ({ lower, words }) => words.length > 2 && ofSelf.test(lower)],
  ['assent', ({ lower, words }) => words.length <= 3 && assents.test(lower)],
  ['statement', () => true],
];

function topicOf(seen: Observed): Topic {
  return topics.find(([, fits]) => fits(seen))?.[0] ?? 'statement';
}

function partOfDay(hour: number): 'night' | 'morning' | 'afternoon' | 'evening' {
  if (hour < 5 || hour >= 22) return 'night';
  if (hour < 12) return 'morning';
  return hour < 18 ? 'afternoon' : 'evening';
}

/** A greeting for that hour; never `Good night`. */
function salutation(hour: number): Phrases {
  const part = partOfDay(hour);
  return part === 'night'
    ? ['Hello, at this late hour!', 'Hello, night owl!', 'Good evening, or nearly good morning!']
    : [`Good ${part}!`, `Hello, and good ${part}!`, `Good ${part} to you!`];
}

/** Fills in phrases. Time and words are worked out only for the phrase that names them: most name few. */
class Speaker {
  readonly #said: Said;
  readonly #seen: Observed;
  readonly #random: Random;
  #local: LocalTime | undefined;

  constructor(said: Said, seen: Observed, random: Random) {
    this.#said = said;
    this.#seen = seen;
    this.#random = random;
  }

  get local(): LocalTime {
    this.#local ??= localTimeOf(this.#said.timeMs, this.#said.timeZone);
    return this.#local;
  }

  oneOf(choices: Phrases): string {
    return pick(this.#fitting(choices), this.#random).replace(/\{(\w+)\}/g, (_, name: string) => this.#fact(name));
  }

  #fitting(choices: Phrases): Phrases {
    if (this.#seen.keywords.length > 1) return choices;
    const [first, ...rest] = choices.filter((phrase) => !phrase.includes('{other}'));
    return first === undefined ? choices : [first, ...rest];
  }

  #fact(name: string): string {
    switch (name) {
      case 'time':
        return this.local.time;
      case 'weekday':
        return this.local.weekday;
      case 'date':
        return this.local.date;
      case 'partOfDay':
        return partOfDay(this.local.hour);
      case 'zone':
        return this.#said.timeZone;
      case 'count':
        return this.#seen.wordCount;
      case 'keyword':
        return this.#keyword(0);
      case 'other':
        return this.#keyword(1);
      case 'reflected':
        return reflect(this.#said.text);
      case 'media':
        return this.#said.media.map(mediaInWords).join('; ');
      default:
        throw new Error(`a phrase names {${name}}, which nobody knows`);
    }
  }

  /** The longest word is usually the most significant; the next one is `other`. */
  #keyword(rank: number): string {
    const byLength = this.#seen.keywords.toSorted((a, b) => b.length - a.length);
    return byLength[rank] ?? byLength[0] ?? 'that';
  }
}

/** One reply in so many greets by the hour of day although nobody greeted. */
const greetingChance = 0.25;

/** One reply in so many goes on after its answer. */
const followUpChance = 0.4;

/** Between them the two keep a reply within four sentences: no answer has more than two. */
const topicsWithoutFollowUp: ReadonlySet<Topic> = new Set([
  'farewell',
  'thanks',
  'wordless',
  'wellbeing',
  'markdown',
  'drawing',
]);

/** How many characters, not splitting those of two UTF-16 units. */
function charsOf(text: string): number {
  return Array.from(text).length;
}

/** One to three sentences on the words. */
function onWords(seen: Observed, speaker: Speaker, random: Random): readonly string[] {
  const topic = topicOf(seen);
  const sentences: string[] = [];
  if (topic === 'greeting' || random() < greetingChance) sentences.push(speaker.oneOf(salutation(speaker.local.hour)));
  sentences.push(speaker.oneOf(phrases[topic]));
  if (random() < followUpChance && !topicsWithoutFollowUp.has(topic)) sentences.push(speaker.oneOf(followUps));
  return sentences;
}

/** First the received media by kind, format and length; then a reply to the text, if any. */
function onMedia(said: Said, seen: Observed, speaker: Speaker, random: Random): readonly string[] {
  const receipt = speaker.oneOf(receipts);
  return seen.words.length === 0
    ? [receipt, speaker.oneOf(remarks[said.replyKind])]
    : [receipt, ...onWords(seen, speaker, random)];
}

/** Repeated of a person's own instructions, which no phrase can follow: enough to see that they arrive. */
const maxRepeatedChars = 80;

function beginningOf(text: string): string {
  const chars = Array.from(text);
  return chars.length <= maxRepeatedChars ? text : `${chars.slice(0, maxRepeatedChars).join('')}…`;
}

/**
 * One to four polite English sentences on the message, its time and place, after one on its media and before the person's own instructions. More only when `minChars` (characters) requires it.
 * Equal arguments and draws give equal replies. Throws ProviderError for an unknown time zone.
 */
export function answer(said: Said, random: Random, minChars: number): string {
  const seen = observe(said.text);
  const speaker = new Speaker(said, seen, random);
  const sentences = said.media.length > 0 ? onMedia(said, seen, speaker, random) : onWords(seen, speaker, random);
  const own = said.instructions === '' ? [] : [`You want me to keep to this: “${beginningOf(said.instructions)}”`];
  const onWhatWasSaid = sentences.join(' ');
  // Behind a table or a diagram a sentence would belong to it.
  let text = [onWhatWasSaid, ...own].join(onWhatWasSaid.includes('\n') ? '\n\n' : ' ');
  while (minChars > 0 && charsOf(text) < minChars) text += ` ${speaker.oneOf(elaborations)}`;
  return text;
}
