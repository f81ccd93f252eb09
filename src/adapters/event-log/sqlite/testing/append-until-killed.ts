/**
 * Appends to the log of the folder named, many at once, and prints the place and key of each record that was
 * acknowledged, until killed.
 */
import { writeSync } from 'node:fs';
import { openForTest, placeOf, recordOf } from './logs.ts';

const appenders = 32;
const largestValueBytes = 6_000;

const [dataDir = '', round = ''] = process.argv.slice(2);
const log = await openForTest(dataDir);

/** Synchronous, so that a line is out before the next append begins; a pipe whose reader is slow says EAGAIN until there is room. */
function print(text: string): void {
  for (let rest = Buffer.from(text); rest.length > 0; ) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

async function appendForEver(appender: number): Promise<never> {
  for (let number = 0; ; number += 1) {
    const key = `${round}-${appender}-${number}`;
    const value = new Uint8Array((number * 97) % largestValueBytes).fill(appender);
    const places = await log.append([
      recordOf(appender % 4, key, value),
      recordOf((appender + 1) % 4, `${key}+`, value),
    ]);
    print(places.map((place, index) => `${placeOf(place)} ${key}${'+'.repeat(index)}\n`).join(''));
  }
}

await Promise.all(Array.from({ length: appenders }, (_, appender) => appendForEver(appender)));
