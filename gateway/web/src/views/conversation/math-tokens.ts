import { type MarkedOptions, Tokenizer, type Tokens } from 'marked';

/** Mathematics in a reply, as TeX. */
export interface MathToken {
  readonly type: 'math';
  readonly raw: string;
  readonly tex: string;
  /** On lines of its own. */
  readonly isDisplay: boolean;
}

/**
 * Between dollar signs as pandoc has them: with no space inside beside them, and no digit behind the second, so that prices are none. What begins no
 * mathematics is found to be none at the next of its kind: however many there are, each is looked at once.
 */
const inline = [
  [/^\\\(((?:[^\\]|\\[^()])+)\\\)/, false],
  [/^\\\[((?:[^\\]|\\[^[\]])+)\\\]/, true],
  [/^\$\$((?:[^\\$]|\\[\s\S])+)\$\$/, true],
  [/^\$(?![\s$])((?:[^\\$\n]|\\[^\n])+)(?<!\s)\$(?!\d)/, false],
] as const;

/** The same where a block begins; blank lines end it, as they end a paragraph. */
const block = [
  [/^ {0,3}\\\[((?:[^\\\n]|\\[^[\]]|\n(?![ \t]*\n))+)\\\][ \t]*(?:\n|$)/, true],
  [/^ {0,3}\$\$((?:[^\\$\n]|\\[^\n]|\n(?![ \t]*\n))+)\$\$[ \t]*(?:\n|$)/, true],
] as const;

/** The beginning of such a block, at the end of a text that grows: what stands in it is no list yet, or whatever else it looks like. */
const unfinished = [
  /^ {0,3}\\\[(?:[^\\\n]|\\[^[\]]|\n(?![ \t]*\n))*\\?$/,
  /^ {0,3}\$\$(?:[^\\$\n]|\\[^\n]|\n(?![ \t]*\n))*[\\$]?$/,
];

function blockAt(src: string): MathToken | Tokens.Paragraph | undefined {
  const math = mathAt(src, block);
  if (math !== undefined || !unfinished.some((pattern) => pattern.test(src))) return math;
  return { type: 'paragraph', raw: src, text: src, tokens: [{ type: 'text', raw: src, text: src, escaped: true }] };
}

function mathAt(src: string, patterns: typeof inline | typeof block): MathToken | undefined {
  for (const [pattern, isDisplay] of patterns) {
    const found = pattern.exec(src);
    if (found !== null) return { type: 'math', raw: found[0], tex: (found[1] ?? '').trim(), isDisplay };
  }
  return undefined;
}

/** Ends text before a dollar sign, at which mathematics may begin; what else ends it marked knows. */
class MathTokenizer extends Tokenizer {
  override inlineText(src: string): Tokens.Text | undefined {
    const dollar = src.indexOf('$', 1);
    // Nothing behind it is looked at: else many dollar signs would take time by their square.
    return super.inlineText(dollar === -1 ? src : src.slice(0, dollar));
  }
}

/** What the lexer is told so that it finds mathematics. */
export const mathOptions: MarkedOptions = {
  tokenizer: new MathTokenizer(),
  extensions: {
    renderers: {},
    childTokens: {},
    inline: [(src) => mathAt(src, inline)],
    block: [blockAt],
  },
};
