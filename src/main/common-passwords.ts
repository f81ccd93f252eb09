import { readFileSync } from 'node:fs';

/**
 * Passwords that nobody may choose, because guessers try them first: the commonest of at least the least length, in lower case, one a line of the
 * file. Most are those of zxcvbn 4.4.2 (npm), whose list is ordered by how often each was found in leaks; its licence, MIT, is in
 * common-passwords.license.txt.
 */
export function readCommonPasswords(): ReadonlySet<string> {
  const file = new URL('common-passwords.txt', import.meta.url);
  return new Set(
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== ''),
  );
}
