/** Something on this side that the user can understand and mend, e.g. a file that is not there. The message is a whole sentence. */
export class Trouble extends Error {
  override readonly name: string = 'Trouble';
}

/** What the system says of a file or connection that failed, in a few words. Other errors are defects and are thrown again. */
export function systemWords(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) throw error;
  return WORDS[code] ?? message;
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'it is not there',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EEXIST: 'a file is in the way',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is no folder',
  ENOSPC: 'the disk is full',
  EROFS: 'the disk is read-only',
  ENAMETOOLONG: 'the name is too long',
};
