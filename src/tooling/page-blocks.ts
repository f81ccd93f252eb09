/** What a generated page consists of, so that it can be written as Markdown and as HTML. Texts may hold `code`, **stress** and [links](#to). */
export type Block =
  | { readonly kind: 'heading'; readonly level: 1 | 2 | 3 | 4; readonly text: string }
  | { readonly kind: 'paragraph'; readonly text: string }
  | { readonly kind: 'shell'; readonly text: string }
  | { readonly kind: 'table'; readonly heads: readonly string[]; readonly rows: readonly (readonly string[])[] };

/** The name of a heading in links, as GitHub makes it. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

/** A table in Markdown. */
export function markdownTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}

/** The page as Markdown. `origin` says where its contents come from. */
export function markdownPage(blocks: readonly Block[], origin: string): string {
  const [title, ...rest] = blocks.map(toMarkdown);
  return `${[title, `<!-- ${origin} -->`, ...rest].join('\n\n')}\n`;
}

function toMarkdown(block: Block): string {
  switch (block.kind) {
    case 'heading':
      return `${'#'.repeat(block.level)} ${block.text}`;
    case 'paragraph':
      return block.text;
    case 'shell':
      return `\`\`\`sh\n${block.text}\n\`\`\``;
    case 'table':
      return markdownTable(block.heads, block.rows);
    default:
      return block satisfies never;
  }
}

/** One page without scripts, fonts or pictures: nothing is fetched. Readable in light and dark, and on a narrow screen. */
const style = `
:root { color-scheme: light dark; --line: #8885; --shade: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem 1.5rem 4rem; }
h1, h2, h3, h4 { line-height: 1.25; margin: 2em 0 .5em; }
h1 { margin-top: 1rem; }
h2 { border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
code, pre { font: .875em/1.45 ui-monospace, monospace; }
code, pre { background: var(--shade); border-radius: .25rem; }
code { padding: .1em .3em; }
pre { overflow-x: auto; padding: .75rem 1rem; }
pre code { background: none; padding: 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .75rem .35rem 0; text-align: left; vertical-align: top; }
`;

/** The page as one HTML document. `origin` says where its contents come from. */
export function htmlPage(blocks: readonly Block[], origin: string): string {
  const title = blocks.find((block) => block.kind === 'heading')?.text ?? '';
  return `<!doctype html>
<!-- ${origin} -->
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${style}</style>
</head>
<body>
${blocks.map(toHtml).join('\n')}
</body>
</html>
`;
}

function toHtml(block: Block): string {
  switch (block.kind) {
    case 'heading':
      return `<h${block.level} id="${anchorOf(block.text)}">${inline(block.text)}</h${block.level}>`;
    case 'paragraph':
      return `<p>${inline(block.text)}</p>`;
    case 'shell':
      return `<pre><code>${escaped(block.text)}</code></pre>`;
    case 'table':
      return htmlTable(block.heads, block.rows);
    default:
      return block satisfies never;
  }
}

function htmlTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[], tag: 'th' | 'td') =>
    `<tr>${cells.map((cell) => `<${tag}>${inline(cell)}</${tag}>`).join('')}</tr>`;
  const body = rows.map((cells) => row(cells, 'td')).join('\n');
  return `<div class="wide"><table>\n<thead>${row(heads, 'th')}</thead>\n<tbody>\n${body}\n</tbody>\n</table></div>`;
}

/** A text with `code`, **stress** and [links](#to) as HTML; inside of code nothing else is looked for. */
function inline(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((piece) =>
      piece.length > 1 && piece.startsWith('`')
        ? `<code>${escaped(piece.slice(1, -1))}</code>`
        : escaped(piece)
            .replaceAll(/\[([^\]]+)\]\(([^)\s]+)\)/g, '<a href="$2">$1</a>')
            .replaceAll(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>'),
    )
    .join('');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
