import type { MediaWord } from './media/formats.ts';

/** What a line typed in a chat asks for. */
export type Input =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'say'; readonly text: string }
  /** Empty text: the file alone. */
  | { readonly kind: 'show'; readonly media: MediaWord; readonly file: string; readonly text: string }
  | { readonly kind: 'stop' | 'help' | 'quit' | 'conversations' }
  /** Empty id: a new conversation. */
  | { readonly kind: 'join'; readonly conversationId: string }
  | { readonly kind: 'history'; readonly count: number }
  | { readonly kind: 'search'; readonly query: string }
  | { readonly kind: 'rename'; readonly title: string }
  | { readonly kind: 'delete'; readonly isSure: boolean }
  | { readonly kind: 'mistake'; readonly told: string };

/** What fits a screen. */
const DEFAULT_HISTORY = 10;

export const INPUT_HELP = [
  '/voice FILE [text]   say a sound file; also /video and /image. A name with spaces goes into quotes',
  '/stop                stop the reply under way (or Ctrl-C)',
  '/new                 begin a new conversation',
  '/join ID             go to another conversation',
  '/conversations       your conversations, the last one first',
  '/history [n]         the last messages of this conversation',
  '/search WORDS        your messages and titles that have all these words',
  '/rename TITLE        give this conversation a title',
  '/delete              delete this conversation, after asking; `/delete yes` does not ask',
  '/quit                leave (or Ctrl-D)',
  '//text               say something that begins with a slash',
].join('\n');

/** Reads a line: a command when it begins with one slash, else something to say. */
export function parseInput(line: string): Input {
  const text = line.trim();
  if (text === '') return { kind: 'nothing' };
  if (!text.startsWith('/')) return { kind: 'say', text: line };
  if (text.startsWith('//')) return { kind: 'say', text: text.slice(1) };
  const [command = ''] = text.split(/\s/, 1);
  const parse = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  if (parse !== undefined) return parse(text.slice(command.length).trim(), command);
  return mistake(`There is no ${command}. /help lists the commands; // begins a line that starts with a slash.`);
}

/** The commands there are, each with its slash. */
export function commandNames(): string[] {
  return Object.keys(COMMANDS);
}

type Parse = (rest: string, command: string) => Input;

const COMMANDS: Readonly<Record<string, Parse>> = {
  '/voice': showing('voice'),
  '/video': showing('video'),
  '/image': showing('image'),
  '/stop': alone({ kind: 'stop' }),
  '/new': alone({ kind: 'join', conversationId: '' }),
  '/join': parseJoin,
  '/conversations': alone({ kind: 'conversations' }),
  '/history': parseHistory,
  '/search': (query) => (query === '' ? mistake('Say what to look for: /search WORDS.') : { kind: 'search', query }),
  '/rename': (title) => (title === '' ? mistake('Say its title: /rename TITLE.') : { kind: 'rename', title }),
  '/delete': parseDelete,
  '/help': alone({ kind: 'help' }),
  '/quit': alone({ kind: 'quit' }),
  '/exit': alone({ kind: 'quit' }),
};

function mistake(told: string): Input {
  return { kind: 'mistake', told };
}

function alone(input: Input): Parse {
  return (rest, command) =>
    rest === '' ? input : mistake(`${command} takes nothing after it. To say this line, begin it with //.`);
}

function showing(media: MediaWord): Parse {
  return (rest, command) => {
    // A name in quotes, or without spaces, or with a backslash before each.
    const found = /^(?:"([^"]+)"|'([^']+)'|(?!["'])((?:\\.|[^\s\\])+))(?:\s+|$)/.exec(rest);
    if (found === null) return mistake(`Say which file: ${command} FILE, and after it, if you like, some text.`);
    const file = found[1] ?? found[2] ?? found[3]?.replaceAll(/\\(.)/g, '$1') ?? '';
    return { kind: 'show', media, file, text: rest.slice(found[0].length) };
  };
}

function parseJoin(rest: string): Input {
  if (rest === '' || /\s/.test(rest)) return mistake('Say which: /join ID. /conversations lists them.');
  return { kind: 'join', conversationId: rest };
}

function parseHistory(rest: string): Input {
  if (rest === '') return { kind: 'history', count: DEFAULT_HISTORY };
  if (!/^[1-9]\d{0,5}$/.test(rest)) return mistake('Say how many messages: /history 20.');
  return { kind: 'history', count: Number(rest) };
}

function parseDelete(rest: string): Input {
  if (rest !== '' && rest !== 'yes') return mistake('/delete deletes this conversation; `/delete yes` does not ask.');
  return { kind: 'delete', isSure: rest === 'yes' };
}
