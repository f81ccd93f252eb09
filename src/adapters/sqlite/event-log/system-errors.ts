const busyCode = 5;
const fullCode = 13;
/** What is no fault of the file's content: no permission, busy, out of memory, full, cannot open. */
const codesOfCircumstance: readonly number[] = [3, busyCode, 7, fullCode, 14];

/**
 * What an error of Node's or SQLite's carries. Not asked by `instanceof`, which fails between realms (threads, test
 * runners).
 */
function fieldsOf(error: unknown): { readonly code?: unknown; readonly errcode?: unknown; readonly message?: unknown } {
  return typeof error === 'object' && error !== null ? error : {};
}

/** SQLite's primary result code; undefined when the error is not SQLite's. */
function primaryCode(error: unknown): number | undefined {
  const { errcode } = fieldsOf(error);
  return typeof errcode === 'number' ? errcode & 0xff : undefined;
}

/** SQLite walked a damaged tree without noticing; whoever goes on from the last row would walk in circles. */
export class RowsOutOfOrder extends Error {
  override readonly name = 'RowsOutOfOrder';
}

/** Whether another connection holds the lock that was asked for. */
export function isBusy(error: unknown): boolean {
  return primaryCode(error) === busyCode;
}

/** Whether there was no room: SQLite tells that before it writes the commit, so nothing is in the file. */
export function isFull(error: unknown): boolean {
  return primaryCode(error) === fullCode;
}

/** Whether the file's content is at fault, so that trying again would not help. */
export function isDamage(error: unknown): boolean {
  if (error instanceof RowsOutOfOrder) return true;
  const code = primaryCode(error);
  // No offset is beyond what a number holds: node:sqlite says so of a damaged one.
  if (code === undefined) return fieldsOf(error).code === 'ERR_OUT_OF_RANGE';
  return !codesOfCircumstance.includes(code);
}

/** Whether a file or folder is not there. */
export function isNotThere(error: unknown): boolean {
  return fieldsOf(error).code === 'ENOENT';
}

/** What went wrong, in words. */
export function messageOf(error: unknown): string {
  const { message } = fieldsOf(error);
  return typeof message === 'string' ? message : String(error);
}
