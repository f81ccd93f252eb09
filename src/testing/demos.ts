import { lexer, type Token } from 'marked';

/** A command that a document shows, and what it prints there. */
export interface Demo {
  /** The heading above it. */
  readonly section: string;
  readonly command: string;
  readonly output: readonly string[];
}

const prompt = '$ ';

/**
 * The commands in the code blocks of a Markdown text: each begins with `$ `, and goes on after a backslash; the lines below are what it prints, up to
 * a line that is empty. A block that begins with a comment which is the name of a file, `# NAME`, is a command that writes it.
 */
export function demosIn(markdown: string): readonly Demo[] {
  let section = '';
  return lexer(markdown).flatMap((token: Token) => {
    if (token.type === 'heading') section = String(token.text);
    if (token.type !== 'code') return [];
    const text = String(token.text);
    const [, file] = /^# ([\w.-]+\.(?:env|sh|yaml))\n/.exec(text) ?? [];
    return file === undefined
      ? demosOfBlock(text, section)
      : [{ section, command: `cat > ${file} <<'END'\n${text}\nEND`, output: [] }];
  });
}

function demosOfBlock(text: string, section: string): readonly Demo[] {
  const demos: { section: string; command: string; output: string[] }[] = [];
  let isOutput = false;
  for (const line of text.replaceAll('\\\n', '').split('\n')) {
    if (line.startsWith(prompt)) demos.push({ section, command: line.slice(prompt.length), output: [] });
    else if (isOutput && line.trim() !== '') demos.at(-1)?.output.push(line);
    isOutput = line.startsWith(prompt) || (isOutput && line.trim() !== '');
  }
  return demos;
}

const uuid = '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}';

/**
 * What prints lines of the same shape as this one: ids, numbers, names of machines and what the bot says are others each time.
 * @param isReply the line is of a chat: whatever is not in brackets is said by the bot
 */
export function shapeOf(line: string, isReply: boolean): RegExp {
  if (isReply && !line.startsWith('[')) return line.endsWith('[stopped]') ? /\[stopped\]$/ : /^[^[].*$/;
  const [told = '', reply] = line.split(/(?<=\bbot: )/);
  const shape = told
    .replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
    .replaceAll(new RegExp(uuid, 'g'), '<uuid>')
    .replaceAll(/\S+@\S+/g, '\\S+@\\S+')
    .replaceAll(/\d+/g, '\\d+')
    .replaceAll('<uuid>', uuid)
    .replaceAll(/ +/g, ' +')
    .replaceAll('…', '.*');
  return new RegExp(`^${shape}${reply === undefined ? '' : '.*'}$`);
}
