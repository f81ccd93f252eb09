import { utf8Length } from '../conversation/utf8.ts';
import { maxFileNameBytes } from '../limits.ts';

/**
 * What would make the name of a file look like another, or break a line where it is shown: line separators, and the marks that turn the direction of
 * writing, by which `gpj.exe` can be shown as `exe.jpg`.
 */
const misleading = /[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;

/** Whether it may be the name of a file in a message; the empty one is none. */
export function isFileName(name: string): boolean {
  return name !== '' && utf8Length(name) <= maxFileNameBytes && !misleading.test(name) && !hasControl(name);
}

/** By number and not by a table of Unicode, whose releases differ: this decides what is in the log. */
function hasControl(name: string): boolean {
  return Array.from(name, (character) => character.charCodeAt(0)).some(
    (code) => code < 32 || (code > 126 && code < 160),
  );
}
