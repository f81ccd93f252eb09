import { fieldsOf, primaryCode, resultCodes } from '../result-codes.ts';

const { permission, busy, noMemory, full, cannotOpen } = resultCodes;
/** What is no fault of the file's content. */
const codesOfCircumstance: readonly number[] = [permission, busy, noMemory, full, cannotOpen];

/** SQLite read a damaged tree without an error; continuing from the last row would loop. */
export class RowsOutOfOrder extends Error {
  override readonly name = 'RowsOutOfOrder';
}

/** Whether another connection holds the lock that was asked for. */
export function isBusy(error: unknown): boolean {
  return primaryCode(error) === busy;
}

/** Whether there was no room: SQLite tells that before it writes the commit, so nothing is in the file. */
export function isFull(error: unknown): boolean {
  return primaryCode(error) === full;
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
