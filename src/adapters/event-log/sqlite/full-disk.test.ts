import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { EventLog } from '../../../ports/event-log.ts';
import { LogUnavailable } from '../../../ports/event-log.ts';
import { openForTest, placeOf, readAll, recordOf, temporaryFolder } from './testing/logs.ts';

const diskBytes = 6_000_000;
const fillerBytes = 4_000_000;

/** A place to write that becomes full, and has room again after `makeRoom`. */
interface SmallDisk extends Disposable {
  readonly path: string;
  makeRoom(): void;
}

/**
 * A tmpfs of its own; where mounting is not allowed, a limit on the size of files that this process writes, which
 * SQLite meets alike.
 */
function smallDisk(folder: string): SmallDisk {
  const path = join(folder, 'disk');
  mkdirSync(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'parley-test', path], { stdio: 'pipe' });
  } catch (error) {
    console.warn(`no tmpfs (${String(error)}): a limit on the size of files stands in for a full disk`);
    return limitedFiles(path);
  }
  const filler = join(path, 'filler');
  writeFileSync(filler, Buffer.alloc(fillerBytes));
  return { path, makeRoom: () => rmSync(filler), [Symbol.dispose]: () => execFileSync('umount', [path]) };
}

function limitedFiles(path: string): SmallDisk {
  const limit = (bytes: string) =>
    execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:unlimited`]);
  limit(String(diskBytes - fillerBytes));
  const lift = () => limit('unlimited');
  return { path, makeRoom: lift, [Symbol.dispose]: lift };
}

interface Outcome {
  readonly acknowledged: string[];
  readonly refusals: unknown[];
}

/** Appends from all sides until one append is refused. */
async function fill(log: EventLog): Promise<Outcome> {
  const outcome: Outcome = { acknowledged: [], refusals: [] };
  const appendUntilRefused = async (appender: number) => {
    for (let number = 0; outcome.refusals.length === 0; number += 1) {
      const key = `${appender}-${number}`;
      const value = new Uint8Array(500);
      try {
        const places = await log.append([recordOf(appender % 4, key, value), recordOf((appender + 1) % 4, key, value)]);
        outcome.acknowledged.push(...places.map((place) => `${placeOf(place)} ${key}`));
      } catch (error) {
        outcome.refusals.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, appender) => appendUntilRefused(appender)));
  return outcome;
}

async function stored(log: EventLog): Promise<string[]> {
  const places = [
    ['connections', 0],
    ['conversations', 0],
    ['conversations', 1],
    ['conversations', 2],
  ] as const;
  const records = await Promise.all(places.map(([topic, partition]) => readAll(log, topic, partition)));
  return records.flat().map((record) => `${placeOf(record)} ${record.key}`);
}

describe('a full disk', () => {
  test('takes nothing that it cannot keep, loses nothing that it has taken, and takes again once there is room', async () => {
    await using folder = await temporaryFolder();
    using disk = smallDisk(folder.path);
    const log = await openForTest(disk.path);
    const { acknowledged, refusals } = await fill(log);
    expect(refusals.every((refusal) => refusal instanceof LogUnavailable)).toBe(true);
    expect(acknowledged.length).toBeGreaterThan(100);
    expect((await stored(log)).sort()).toEqual(acknowledged.toSorted());

    disk.makeRoom();
    const [place] = await log.append([recordOf(0, 'after', new Uint8Array(500))]);
    expect(place?.offset).toBe(acknowledged.filter((line) => line.startsWith('connections')).length);
    await log[Symbol.asyncDispose]();
    await using again = await openForTest(disk.path);
    expect((await stored(again)).sort()).toEqual([...acknowledged, `connections/0/${place?.offset} after`].sort());
  });
});
