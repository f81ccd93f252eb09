import { MediaStoreFull, MediaUnavailable } from '../../ports/media-store.ts';

/** A later release made the folder. */
export class MediaStoreTooNew extends Error {
  override readonly name = 'MediaStoreTooNew';
  readonly retryable = false;
}

/** The folder's own files are not what they should be; the message says which, and what to do. */
export class MediaStoreDamaged extends Error {
  override readonly name = 'MediaStoreDamaged';
  readonly retryable = false;
}

/** What an error of Node's carries. Not asked by `instanceof`, which fails between realms (test runners). */
function fieldsOf(error: unknown): {
  readonly code?: unknown;
  readonly syscall?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
} {
  return typeof error === 'object' && error !== null ? error : {};
}

/** Whether a file or folder is not there. */
export function isNotThere(error: unknown): boolean {
  return fieldsOf(error).code === 'ENOENT';
}

/** The disk is full, or what this user may have of it, or a file is as large as it may be. */
const codesOfFull: readonly unknown[] = ['ENOSPC', 'EDQUOT', 'EFBIG'];

/** What the port says of this error: no room is MediaStoreFull, whatever else the file system refuses is MediaUnavailable, anything else stays as it is. */
export function mapSystemError(error: unknown): unknown {
  const { code, syscall, message } = fieldsOf(error);
  if (typeof code !== 'string' || typeof syscall !== 'string') return error;
  if (codesOfFull.includes(code))
    return new MediaStoreFull(`the disk has no room: ${String(message)}`, { cause: error });
  return new MediaUnavailable(`the media folder cannot be used: ${String(message)}`, { cause: error });
}
