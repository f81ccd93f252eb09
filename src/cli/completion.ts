import { readdirSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { commandNames } from './input.ts';
import type { MediaWord } from './media/formats.ts';
import { endingsOf } from './media/formats.ts';
import { expandHome } from './media/media-file.ts';

/** More than this are not read before the next key is typed. */
const MAX_CHOICES = 40;

/** How a line being typed may go on. */
export interface Completion {
  /** The line as far as there is no choice. */
  readonly line: string;
  /** What there is to choose from; empty when there is nothing, or one. */
  readonly choices: readonly string[];
}

/** Completes the name of a command, or after /voice, /video and /image that of a file. */
export function completeInput(line: string): Completion {
  if (!line.startsWith('/')) return { line, choices: [] };
  const file = /^(\/(voice|video|image)\s+)(["']?)(.*)$/.exec(line);
  if (file !== null) {
    const [, command = '', word, quote = '', typed = ''] = file;
    return completeFile(`${command}${quote}`, quote === '' ? typed.replaceAll(/\\(.)/g, '$1') : typed, {
      word: word as MediaWord,
      quote,
    });
  }
  return /\s/.test(line) ? { line, choices: [] } : among(commandNames(), line, { written: (name) => name, end: ' ' });
}

function completeFile(
  before: string,
  typed: string,
  { word, quote }: { readonly word: MediaWord; readonly quote: string },
): Completion {
  // `dirname` of a name that ends with a slash would be the folder above.
  const folder = typed.endsWith('/') || typed === '' ? typed : `${dirname(`./${typed}`)}/`;
  const shown = typed.slice(0, typed.length - baseOf(typed).length);
  const names = namesIn(expandHome(typed.startsWith('~') || typed.startsWith('/') ? shown : folder), word);
  const quoted = (name: string): string => (quote === '' ? name.replaceAll(/([\s\\"'])/g, '\\$1') : name);
  const written = (name: string): string => quoted(`${shown}${name}`);
  const found = among(names, baseOf(typed), { written, end: `${quote} ` });
  return { line: `${before}${found.line}`, choices: found.choices };
}

function baseOf(typed: string): string {
  return typed === '' || typed.endsWith('/') ? '' : basename(typed);
}

/** Files of the kind, and folders with a slash; none where the folder cannot be read. */
function namesIn(folder: string, word: MediaWord): string[] {
  try {
    return readdirSync(join(folder, '.'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() || endingsOf(word).includes(extname(entry.name).slice(1).toLowerCase()))
      .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return [];
  }
}

function among(
  names: readonly string[],
  typed: string,
  { written, end }: { readonly written: (name: string) => string; readonly end: string },
): Completion {
  // Hidden files only where a dot was typed.
  const fitting = names.filter((name) => name.startsWith(typed) && (typed !== '' || !name.startsWith('.'))).sort();
  const [first = typed] = fitting;
  let common = first;
  for (const name of fitting) while (!name.startsWith(common)) common = common.slice(0, -1);
  const isDone = fitting.length === 1 && !first.endsWith('/');
  const choices = fitting.length > 1 ? fitting.slice(0, MAX_CHOICES) : [];
  return { line: `${written(common)}${isDone ? end : ''}`, choices };
}
