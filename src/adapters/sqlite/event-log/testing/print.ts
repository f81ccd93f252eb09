import { writeSync } from 'node:fs';

/** Synchronous, so that a line is out before the next step begins; a pipe whose reader is slow says EAGAIN until there is room. */
export function print(text: string): void {
  for (let rest = Buffer.from(text); rest.length > 0; ) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}
