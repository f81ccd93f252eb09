/** What a line typed in a chat asks for. */
export type Input =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'say'; readonly text: string }
  | { readonly kind: 'stop' | 'help' | 'quit' }
  /** Empty id: a new conversation. */
  | { readonly kind: 'join'; readonly conversationId: string }
  | { readonly kind: 'mistake'; readonly told: string };

export const INPUT_HELP = [
  '/stop      stop the reply under way (or Ctrl-C)',
  '/new       begin a new conversation',
  '/join ID   go to another conversation',
  '/quit      leave (or Ctrl-D)',
  '//text     say something that begins with a slash',
].join('\n');

/** Reads a line: a command when it begins with one slash, else something to say. */
export function parseInput(line: string): Input {
  const text = line.trim();
  if (text === '') return { kind: 'nothing' };
  if (!text.startsWith('/')) return { kind: 'say', text: line };
  if (text.startsWith('//')) return { kind: 'say', text: text.slice(1) };
  const [command = '', ...words] = text.split(/\s+/);
  return parseCommand(command, words);
}

function parseCommand(command: string, words: readonly string[]): Input {
  const [conversationId] = words;
  if (command === '/join') {
    if (conversationId === undefined || words.length > 1)
      return { kind: 'mistake', told: 'Say which: /join ID. `parley history` lists them.' };
    return { kind: 'join', conversationId };
  }
  if (words.length > 0)
    return { kind: 'mistake', told: `${command} takes nothing after it. To say this line, begin it with //.` };
  switch (command) {
    case '/stop':
      return { kind: 'stop' };
    case '/new':
      return { kind: 'join', conversationId: '' };
    case '/help':
      return { kind: 'help' };
    case '/quit':
    case '/exit':
      return { kind: 'quit' };
    default:
      return {
        kind: 'mistake',
        told: `There is no ${command}. /help lists the commands; // begins a line that starts with a slash.`,
      };
  }
}
