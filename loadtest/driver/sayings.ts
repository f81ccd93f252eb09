import { type Kind, type KindShare, kinds, type Load } from './load.ts';
import { shortestBytes } from './media-files.ts';
import { drawFrom, type Random } from './random.ts';

/** One thing to say. */
export interface Saying {
  readonly kind: Kind;
  /** Of the text, or of the media file. */
  readonly bytes: number;
  /** '' for media, which are said without a word. */
  readonly text: string;
  readonly by: KindShare['by'];
}

/** No word is longer than a mark is: a bot that takes up the longest word of what was said takes up the mark. */
const filler = ' where does the night train to Lisbon stop, and what is it like to wake up at the sea?';

/** A word that occurs in no other text: who sees it in a reply knows what was answered. */
export function markOf(label: string, number: number): string {
  return `load-${label}-${number.toString(36)}`;
}

/** Whether a reply takes up marks, and then not that of the text it answers ('' has none), or somebody else's. */
export function takesUpOther(reply: string, label: string, text: string): boolean {
  // Most take up none, and this is cheaper than to look for all of them.
  if (!reply.includes('oad-')) return false;
  const marks = reply.match(/\bload-[0-9a-z]+-[0-9a-z]+-[0-9a-z]+/gi)?.map((mark) => mark.toLowerCase());
  if (marks === undefined) return false;
  const own = `load-${label}-`;
  return !marks.some((mark) => text.startsWith(mark)) || marks.some((mark) => !mark.startsWith(own));
}

/** A text of so many bytes, or a little more when its mark is longer. */
export function textOf(mark: string, bytes: number): string {
  const rest = Math.max(0, bytes - mark.length);
  return mark + filler.repeat(Math.ceil(rest / filler.length)).slice(0, rest);
}

/** What one client says, one thing after the other; the same for the same random numbers. */
export class Sayings {
  readonly #mix: readonly (readonly [Kind, KindShare])[];
  readonly #shares: number;
  readonly #label: string;
  readonly #random: Random;

  /** The label is this client's alone, of digits and small letters with one hyphen. Throws when the mix holds nothing to say. */
  constructor(mix: Load['mix'], label: string, random: Random) {
    this.#mix = kinds.flatMap((kind) => {
      const share = mix[kind];
      return share === undefined || share.share <= 0 ? [] : [[kind, share] as const];
    });
    this.#shares = this.#mix.reduce((sum, [, { share }]) => sum + share, 0);
    if (this.#mix.length === 0) throw new Error('the mix of the load holds nothing to say');
    this.#label = label;
    this.#random = random;
  }

  /** The saying of this number. */
  next(number: number): Saying {
    const [kind, { bytes, by }] = this.#pick();
    const length = drawFrom(bytes, this.#random);
    if (kind !== 'text') return { kind, bytes: Math.max(length, shortestBytes(kind)), text: '', by };
    const text = textOf(markOf(this.#label, number), length);
    return { kind, bytes: text.length, text, by };
  }

  #pick(): readonly [Kind, KindShare] {
    let left = this.#random() * this.#shares;
    for (const one of this.#mix) {
      left -= one[1].share;
      if (left < 0) return one;
    }
    return this.#mix[this.#mix.length - 1] as readonly [Kind, KindShare];
  }
}
