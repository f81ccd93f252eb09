import { logFormat } from '../../../ports/event-log.ts';

/** The key of the record in the keys topic by which releases know each other; no data key has such an id. */
export const releaseMarkKey = 'written-by';

/** Which release wrote to the log last, and the format that whoever writes to it must know. */
export interface ReleaseMark {
  readonly release: string;
  readonly format: number;
}

/** A later release has written to the log, and this one would take its records for something else. */
export class LogOfLaterRelease extends Error {
  override readonly name = 'LogOfLaterRelease';
  readonly retryable = false;

  constructor(keysTopic: string, { release, format }: ReleaseMark) {
    super(
      `the log has format ${format} and this release writes ${logFormat}: Parley ${release} has written to it, as ${keysTopic} says. Nothing was changed. Run that release, or a later one.`,
    );
  }
}

export function encodeMark(mark: ReleaseMark): Buffer {
  return Buffer.from(JSON.stringify(mark));
}

/** undefined for what is no mark. */
export function decodeMark(value: Uint8Array): ReleaseMark | undefined {
  try {
    const { release, format } = JSON.parse(Buffer.from(value).toString()) as Partial<ReleaseMark>;
    return typeof release === 'string' && typeof format === 'number' ? { release, format } : undefined;
  } catch {
    return undefined;
  }
}
