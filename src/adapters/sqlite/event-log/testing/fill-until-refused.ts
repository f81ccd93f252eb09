/**
 * Fills the log of the folder named until an append is refused, makes room, and appends once more. Prints what became of it as one line of
 * JSON. A process of its own, because a limit on the size of files holds for all that a process writes.
 */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import type { EventLog } from '../../../../ports/event-log.ts';
import { LogUnavailable } from '../../../../ports/event-log.ts';
import { openForTest, placeOf, readAll, recordOf, testTopics } from './logs.ts';

/** What the test is told. */
export interface FillReport {
  readonly acknowledged: readonly string[];
  /** Of the refusals, those that were not LogUnavailable. */
  readonly otherErrors: readonly string[];
  readonly storedWhileFull: readonly string[];
  /** Where the append stands that was made once there was room. */
  readonly after: string;
}

const [dataDir = '', shortage = '', argument = ''] = process.argv.slice(2);

function limitFiles(bytes: string): void {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:unlimited`]);
}

function makeRoom(): void {
  if (shortage === 'filler') rmSync(argument);
  else limitFiles('unlimited');
}

async function fill(log: EventLog): Promise<{ readonly acknowledged: string[]; readonly errors: unknown[] }> {
  const acknowledged: string[] = [];
  const errors: unknown[] = [];
  const appendUntilRefused = async (appender: number) => {
    for (let number = 0; errors.length === 0; number += 1) {
      const key = `${appender}-${number}`;
      const value = new Uint8Array(500);
      try {
        const places = await log.append([recordOf(appender % 4, key, value), recordOf((appender + 1) % 4, key, value)]);
        acknowledged.push(...places.map((place) => `${placeOf(place)} ${key}`));
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, appender) => appendUntilRefused(appender)));
  return { acknowledged, errors };
}

async function stored(log: EventLog): Promise<string[]> {
  const places = Object.entries(testTopics).flatMap(([topic, partitions]) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
  );
  const records = await Promise.all(places.map(({ topic, partition }) => readAll(log, topic, partition)));
  return records.flat().map((record) => `${placeOf(record)} ${record.key}`);
}

await using log = await openForTest(dataDir);
if (shortage === 'limit') limitFiles(argument);
const { acknowledged, errors } = await fill(log);
const storedWhileFull = await stored(log);
makeRoom();
const [place] = await log.append([recordOf(0, 'after', new Uint8Array(500))]);
const report: FillReport = {
  acknowledged,
  otherErrors: errors.filter((error) => !(error instanceof LogUnavailable)).map(String),
  storedWhileFull,
  after: place === undefined ? '' : `${placeOf(place)} after`,
};
process.stdout.write(`${JSON.stringify(report)}\n`);
