import { Marked } from 'marked';
import type { Refusal } from '../domain/errors/catalogue.ts';

/** The name of a heading in links, as GitHub makes it. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

export function markdownTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}

/** A row for each refusal: what it is, and what to do. */
export function refusalTable(rows: readonly (readonly [string, Refusal])[]): string {
  return markdownTable(
    ['Reason', 'gRPC code', 'Retry', 'Meaning', 'What to do'],
    rows.map(([reason, { code, retryable, retryDelayMs, meaning, remedy }]) => [
      `\`${reason}\``,
      `\`${code}\``,
      retryable ? `after ${retryDelayMs} ms` : 'no',
      meaning,
      remedy,
    ]),
  );
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
table { border-collapse: collapse; display: block; max-width: 100%; overflow-x: auto; width: max-content; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .75rem .35rem 0; text-align: left; vertical-align: top; }
`;

const marked = new Marked({
  renderer: {
    heading({ tokens, depth, text }) {
      return `<h${depth} id="${anchorOf(text)}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
    },
  },
});

/** One HTML document of a page in Markdown. Raw HTML in it stays as it is. Code blocks scroll, so they can be reached by keyboard. */
export function htmlPage(title: string, markdown: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<main>
${marked.parse(markdown, { async: false }).replaceAll('<pre>', '<pre tabindex="0">')}</main>
</body>
</html>
`;
}
