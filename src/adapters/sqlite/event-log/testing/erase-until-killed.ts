/**
 * Erases the words in conversations/0 of the log named, one record after the other from an offset on, while others are appended. Prints the offset
 * of each that was acknowledged, until killed.
 */

import { redact } from './content.ts';
import { openForTest, readAll, recordOf } from './logs.ts';
import { print } from './print.ts';

const [dataDir = '', fromOffset = ''] = process.argv.slice(2);
const log = await openForTest(dataDir);

async function appendForEver(): Promise<never> {
  for (;;) await log.append([recordOf(0, 'beside', new Uint8Array(100))]);
}

async function eraseAll(): Promise<void> {
  for (const record of (await readAll(log, 'conversations', 0)).slice(Number(fromOffset))) {
    await log.erase('conversations', 0, [redact(record)]);
    print(`${record.offset}\n`);
  }
}

await Promise.all([eraseAll(), appendForEver()]);
