import { Lexer, type MarkedToken, type Token, type Tokens } from 'marked';
import { type MathToken, mathOptions } from './math-tokens.ts';

/** A line that ends is a line that ends: models mean it so. */
const options = { gfm: true, breaks: true, ...mathOptions };

/** What a reply is made of. */
export type ReplyToken = MarkedToken | MathToken;

/** Longer paragraphs are shown as they are: nobody has laid out so much. */
const maxInlineChars = 200_000;
/** Emphasis takes time by the square of its marks: with this many in one paragraph it is noise, and would hold up the page for seconds. */
const maxMarksPerParagraph = 1_000;

/** Lays out everything but text in which emphasis and links would take too long to find. Code is no such text: a fence has nothing to find. */
class BoundedLexer extends Lexer {
  override inlineTokens(src: string, tokens: Token[] = []): Token[] {
    if (!isTooMuch(src)) return super.inlineTokens(src, tokens);
    for (const token of asItIs(src)) tokens.push(token);
    return tokens;
  }
}

/** A reply in blocks. Those that more text cannot change any more are the same objects in the next reading. */
export interface Reading {
  readonly text: string;
  readonly blocks: readonly ReplyToken[];
}

/**
 * Reads Markdown. `before`: an earlier reading of this reply's beginning, so that only the end is read again; a link that is defined further
 * down than it is used is found by a reading without it.
 */
export function readMarkdown(text: string, before?: Reading): Reading {
  const settled = before !== undefined && text.startsWith(before.text) ? settledBlocks(before.blocks) : [];
  const settledChars = settled.reduce((sum, block) => sum + block.raw.length, 0);
  try {
    return {
      text,
      blocks: [...settled, ...(new BoundedLexer(options).lex(text.slice(settledChars)) as ReplyToken[])],
    };
  } catch (error) {
    // Quotes in quotes in quotes, thousands deep.
    if (error instanceof RangeError)
      return { text, blocks: [{ type: 'paragraph', raw: text, text, tokens: asItIs(text) }] };
    throw error;
  }
}

/** All blocks but the last that is not mere space: only that one can go on. */
function settledBlocks(blocks: readonly ReplyToken[]): readonly ReplyToken[] {
  const last = blocks.findLastIndex(({ type }) => type !== 'space');
  return blocks.slice(0, Math.max(0, last));
}

function isTooMuch(text: string): boolean {
  return text.length > maxInlineChars || (text.match(/[*_~]/g)?.length ?? 0) > maxMarksPerParagraph;
}

/** Its lines, with nothing in them. */
function asItIs(text: string): Token[] {
  const lines = text.split('\n').map((line): Tokens.Text => ({ type: 'text', raw: line, text: line, escaped: true }));
  return lines.flatMap((line, index) => (index === 0 ? [line] : [{ type: 'br', raw: '\n' }, line]));
}

const linkable: ReadonlySet<string> = new Set(['http:', 'https:', 'mailto:']);

/** The address a link of a reply may lead to; undefined for every other scheme, and for what is no whole address. */
export function safeAddress(href: string): string | undefined {
  const parsed = URL.parse(unescapeCharacters(href));
  return parsed !== null && linkable.has(parsed.protocol) ? parsed.href : undefined;
}

const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' };

/** Resolves the character references that models write; others stay as they are written. */
export function unescapeCharacters(text: string): string {
  return text.replace(/&(?:#x([\da-f]{1,6})|#(\d{1,7})|([a-z]{2,4}));/gi, (whole, hex, decimal, name) => {
    if (name !== undefined) return named[name] ?? whole;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
