/** Primary result codes of SQLite (sqlite.org/rescode.html), those that mean something to a store. */
export const resultCodes = {
  error: 1,
  permission: 3,
  busy: 5,
  locked: 6,
  noMemory: 7,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
} as const;

const { busy, locked, noMemory, readOnly, ioError, corrupt, full, cannotOpen, notADatabase } = resultCodes;
const contentCodes: ReadonlySet<number | undefined> = new Set([corrupt, notADatabase]);
const unavailableCodes: ReadonlySet<number | undefined> = new Set([
  busy,
  locked,
  noMemory,
  readOnly,
  ioError,
  full,
  cannotOpen,
]);

/**
 * What an error of Node's or SQLite's carries. Not asked by `instanceof`, which fails between realms (threads, test
 * runners).
 */
export function fieldsOf(error: unknown): {
  readonly code?: unknown;
  readonly errcode?: unknown;
  readonly syscall?: unknown;
  readonly message?: unknown;
} {
  return typeof error === 'object' && error !== null ? error : {};
}

/** SQLite's primary result code; undefined when the error is not SQLite's. */
export function primaryCode(error: unknown): number | undefined {
  const { errcode } = fieldsOf(error);
  return typeof errcode === 'number' ? errcode & 0xff : undefined;
}

/** Whether SQLite reports that the file is not, or no longer, a database. */
export function isCorrupt(error: unknown): boolean {
  return contentCodes.has(primaryCode(error));
}

/** Whether SQLite could not do it now, and may another time. */
export function isUnavailable(error: unknown): boolean {
  return unavailableCodes.has(primaryCode(error));
}

/** What went wrong, in words. */
export function messageOf(error: unknown): string {
  const { message } = fieldsOf(error);
  return typeof message === 'string' ? message : String(error);
}
