import { Refused } from '../../domain/errors/catalogue.ts';

/** Characters of a title: what a list shows of a conversation, not a place to write in. */
const maxTitleCharacters = 200;

/** Control characters and the breaks of lines and paragraphs: a title is one line. */
const unprintable = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;

/** The title without spaces around it. Throws TITLE_INVALID unless 1 to 200 characters are left, none of them a control character. */
export function checkedTitle(wish: string): string {
  const title = wish.trim();
  // Two units at most are one character: a title as large as a frame is not spelled out to be counted.
  const fits = title.length <= 2 * maxTitleCharacters && Array.from(title).length <= maxTitleCharacters;
  if (title !== '' && fits && !unprintable.test(title)) return title;
  throw new Refused('TITLE_INVALID', undefined, {
    violations: [{ field: 'title', description: `1 to ${maxTitleCharacters} characters, no control characters` }],
  });
}
