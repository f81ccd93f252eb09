import type { Token, Tokens } from 'marked';
import type { ComponentChildren, VNode } from 'preact';
import { useRef } from 'preact/hooks';
import { CodeBlock } from './code-block.tsx';
import { Diagram } from './diagram.tsx';
import { Formula } from './formula.tsx';
import { type Reading, type ReplyToken, readMarkdown, safeAddress, unescapeCharacters } from './reply-words.ts';

interface MarkdownProps {
  readonly text: string;
  /** More will come: then only the end is read again. */
  readonly isGrowing: boolean;
}

/**
 * A reply laid out. It is built of elements and never of HTML, so nothing in a reply can be more than words, a link that is named below, or
 * a table: HTML stands there as it is written, and a picture is a link to it, for it would be fetched from another place unasked.
 */
export function Markdown({ text, isGrowing }: MarkdownProps) {
  const before = useRef<Reading>(undefined);
  const reading = readMarkdown(text, isGrowing ? before.current : undefined);
  before.current = reading;
  return <div class="prose">{reading.blocks.map(drawnOnce)}</div>;
}

const drawn = new WeakMap<ReplyToken, VNode>();

/** The same block gives the same node, at which the drawing stops comparing: a growing reply costs what its last block costs. */
function drawnOnce(block: ReplyToken): VNode {
  const known = drawn.get(block);
  if (known !== undefined) return known;
  const node = <Block token={block} depth={0} />;
  drawn.set(block, node);
  return node;
}

/** A block of code that has its end: of one that still grows, or was cut, no diagram is drawn. */
const closedFence = /\n {0,3}(?:`{3,}|~{3,})\s*$/;

/** Deeper than this, lists and quotes are words: no reader follows, and no stack has to. */
const maxDepth = 20;

interface TokenProps {
  readonly token: ReplyToken;
  readonly depth: number;
}

function Block({ token, depth }: TokenProps) {
  if (depth > maxDepth) return <p>{token.raw}</p>;
  switch (token.type) {
    case 'paragraph':
      return <p>{inline(token.tokens)}</p>;
    case 'heading':
      return <Heading level={token.depth}>{inline(token.tokens)}</Heading>;
    case 'code':
      if (token.lang === 'mermaid' && closedFence.test(token.raw)) return <Diagram code={token.text} />;
      return <CodeBlock language={token.lang?.split(/\s/, 1)[0] ?? ''} code={token.text} />;
    case 'blockquote':
      return <blockquote>{blocks(token.tokens, depth + 1)}</blockquote>;
    case 'list':
      return <List token={token} depth={depth + 1} />;
    case 'table':
      return <Table token={token} />;
    case 'hr':
      return <hr />;
    case 'math':
      return <Formula tex={token.tex} isDisplay={token.isDisplay} raw={token.raw} />;
    case 'html':
      return <p class="as-written">{token.text}</p>;
    case 'space':
    case 'def':
      return null;
    default:
      return <>{inline([token])}</>;
  }
}

function blocks(tokens: readonly Token[], depth: number): ComponentChildren {
  return (tokens as readonly ReplyToken[]).map((token, index) => <Block key={index} token={token} depth={depth} />);
}

/** The page has levels 1 and 2 for itself. */
function Heading({ level, children }: { readonly level: number; readonly children: ComponentChildren }) {
  if (level === 1) return <h3>{children}</h3>;
  if (level === 2) return <h4>{children}</h4>;
  return level === 3 ? <h5>{children}</h5> : <h6>{children}</h6>;
}

function List({ token, depth }: { readonly token: Tokens.List; readonly depth: number }) {
  const items = token.items.map((item, index) => (
    <li key={index} class={item.task ? 'task' : undefined}>
      {blocks(item.tokens, depth)}
    </li>
  ));
  return token.ordered ? <ol start={token.start === '' ? 1 : token.start}>{items}</ol> : <ul>{items}</ul>;
}

function Table({ token }: { readonly token: Tokens.Table }) {
  const look = ({ align }: Tokens.TableCell) => (align === null ? undefined : `align-${align}`);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard.
    <section class="wide" aria-label="Table" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {token.header.map((cell, index) => (
              <th key={index} class={look(cell)}>
                {inline(cell.tokens)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {token.rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <td key={column} class={look(cell)}>
                  {inline(cell.tokens)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function inline(tokens: readonly Token[] | undefined): ComponentChildren {
  return (tokens as readonly ReplyToken[] | undefined)?.map((token, index) => <Inline key={index} token={token} />);
}

function Inline({ token }: { readonly token: ReplyToken }) {
  switch (token.type) {
    case 'text':
      if (token.tokens !== undefined) return <>{inline(token.tokens)}</>;
      return <>{token.escaped === true ? token.text : unescapeCharacters(token.text)}</>;
    case 'strong':
      return <strong>{inline(token.tokens)}</strong>;
    case 'em':
      return <em>{inline(token.tokens)}</em>;
    case 'del':
      return <del>{inline(token.tokens)}</del>;
    case 'codespan':
      return <code>{token.text}</code>;
    case 'br':
      return <br />;
    case 'link':
      return <Link address={token.href}>{inline(token.tokens)}</Link>;
    case 'image':
      return <Link address={token.href}>{token.text === '' ? 'picture' : token.text}</Link>;
    case 'checkbox':
      return <input type="checkbox" checked={token.checked} disabled aria-label={token.checked ? 'done' : 'to do'} />;
    case 'math':
      return <Formula tex={token.tex} isDisplay={token.isDisplay} raw={token.raw} />;
    case 'escape':
      return <>{token.text}</>;
    default:
      return <>{token.raw}</>;
  }
}

function Link({ address, children }: { readonly address: string; readonly children: ComponentChildren }) {
  const href = safeAddress(address);
  if (href === undefined) return <>{children}</>;
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}
