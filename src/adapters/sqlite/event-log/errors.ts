import { fieldsOf, primaryCode, resultCodes } from '../database.ts';

/** Another process (or another handle of this one) writes to the data folder. */
export class DataDirLocked extends Error {
  override readonly name = 'DataDirLocked';
  readonly dataDir: string;

  constructor(dataDir: string) {
    super(`the data folder ${dataDir} is in use by another Parley process; stop it, or choose another PARLEY_DATA_DIR`);
    this.dataDir = dataDir;
  }
}

/**
 * The log was made with other settings than it is opened with; partitions are fixed for ever, since keys are placed by
 * their count.
 */
export class LogConfigMismatch extends Error {
  override readonly name = 'LogConfigMismatch';
}

/** There is no log where one is to be read. */
export class LogNotFound extends Error {
  override readonly name = 'LogNotFound';
}

/** There is a log where a new one is to be made. */
export class LogExists extends Error {
  override readonly name = 'LogExists';

  constructor(dataDir: string) {
    super(`${dataDir} has a log already; name a folder that is not there yet`);
  }
}

/** A later release has written the log, and this one does not know what it would destroy. */
export class LogOfLaterRelease extends Error {
  override readonly name = 'LogOfLaterRelease';

  /** `release`: which one, if the log says so. */
  constructor(folder: string, format: number, readFormat: number, release: string | undefined) {
    super(
      `the log in ${folder} has format ${format} and this release reads ${readFormat}: a later release of Parley${release === undefined ? '' : ` (${release})`} has written it. ` +
        'Nothing was changed. Run that release, or choose another PARLEY_DATA_DIR; if no later release was ever here, the file is damaged, ' +
        'and `parley salvage` is the next step.',
    );
  }
}

/** One thing that is wrong with a log: with a range of offsets (both inclusive) when it is about records. */
export interface LogDamage {
  readonly topic?: string;
  readonly partition?: number;
  readonly firstOffset?: number;
  readonly lastOffset?: number;
  readonly what: string;
}

/** How many damages a message names; the error carries all of them. */
const maxDamagesInMessage = 20;

/** A damage in one line. */
export function describeDamage(damage: LogDamage): string {
  if (damage.topic === undefined) return damage.what;
  const place = `${damage.topic}/${damage.partition}`;
  if (damage.firstOffset === undefined) return `${place}: ${damage.what}`;
  const range =
    damage.firstOffset === damage.lastOffset
      ? `offset ${damage.firstOffset}`
      : `offsets ${damage.firstOffset}–${damage.lastOffset}`;
  return `${place} ${range}: ${damage.what}`;
}

/** The log is not whole, so it was not opened, and its files are as they were. `parley salvage` is the next step. */
export class LogDamagedAtOpen extends Error {
  override readonly name = 'LogDamagedAtOpen';
  readonly retryable = false;
  readonly damages: readonly LogDamage[];

  constructor(folder: string, damages: readonly LogDamage[]) {
    const shown = damages.slice(0, maxDamagesInMessage).map((damage) => `\n  ${describeDamage(damage)}`);
    const more = damages.length > shown.length ? `\n  and ${damages.length - shown.length} more` : '';
    super(
      `the log in ${folder} is damaged:${shown.join('')}${more}\n` +
        'Nothing was changed. Next step: `parley salvage` writes every whole record into a new log and lists what is missing.',
    );
    this.damages = damages;
  }
}

const { permission, busy, noMemory, full, cannotOpen } = resultCodes;
/** What is no fault of the file's content. */
const codesOfCircumstance: readonly number[] = [permission, busy, noMemory, full, cannotOpen];

/** SQLite walked a damaged tree without noticing; whoever goes on from the last row would walk in circles. */
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
