/**
 * Appends to the log of the folder named, many at once, and prints the place and key of each record that was
 * acknowledged, until killed.
 */
import { openForTest, placeOf, recordOf } from './logs.ts';
import { print } from './print.ts';

const appenders = 32;
const largestValueBytes = 6_000;

const [dataDir = '', round = ''] = process.argv.slice(2);
const log = await openForTest(dataDir);

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
