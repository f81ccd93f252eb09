/** Only with a modifier: a single letter would get in the way of writing, of screen readers and of dictation. */
export type Shortcut = 'search' | 'new' | 'help' | 'write';

/** What a key press asks for; undefined: nothing that concerns the page. */
export function shortcutOf(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'shiftKey' | 'altKey'>) {
  if ((!event.ctrlKey && !event.metaKey) || event.altKey) return undefined;
  const key = event.key.toLowerCase();
  if (event.shiftKey) return shifted[key];
  return plain[key];
}

const plain: Readonly<Record<string, Shortcut | undefined>> = { k: 'search', '/': 'help' };
// Where / needs the shift key, help is asked for with it.
const shifted: Readonly<Record<string, Shortcut | undefined>> = { o: 'new', '/': 'help', '?': 'help', enter: 'write' };

/** As they stand in the help. */
export const shortcutWords = [
  { keys: ['Enter'], does: 'Send the message' },
  { keys: ['Shift', 'Enter'], does: 'Begin a new line' },
  { keys: ['Ctrl', 'K'], does: 'Search messages' },
  { keys: ['Ctrl', 'Shift', 'O'], does: 'Begin a new conversation' },
  { keys: ['Ctrl', 'Shift', 'Enter'], does: 'Go to the message box' },
  { keys: ['Ctrl', '/'], does: 'Show this help' },
  { keys: ['Esc'], does: 'Close a dialog, the list or a search; cancel a recording' },
  { keys: ['Page Up', 'Page Down'], does: 'Scroll the messages, when they have the focus' },
] as const;
