// C0 but tab and line feed, delete, C1, and what changes the direction of writing.
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/**
 * Makes text safe to write to a terminal: a model, or another client, must not be able to move the cursor, set the
 * title or answer for the user. Control characters become visible pictures of themselves.
 */
export function printable(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(UNSAFE, picture);
}

/** The same, on one line. */
export function printableLine(text: string): string {
  return printable(text).replaceAll(/[\n\t]+/g, ' ');
}

function picture(character: string): string {
  const code = character.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  return code === 0x7f ? '\u2421' : '\ufffd';
}
