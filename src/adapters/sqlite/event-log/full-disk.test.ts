import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import type { FillReport } from './testing/fill-until-refused.ts';
import { openForTest, placeOf, readAll, temporaryFolder } from './testing/logs.ts';

const script = fileURLToPath(new URL('./testing/fill-until-refused.ts', import.meta.url));
const diskBytes = 6_000_000;
const fillerBytes = 4_000_000;

/** A place to write that becomes full, and how the script makes room there. */
interface SmallDisk extends Disposable {
  readonly path: string;
  readonly shortage: readonly string[];
}

/** A tmpfs of its own; where mounting is not allowed, a limit on the size of files, which SQLite meets alike. */
function smallDisk(folder: string): SmallDisk {
  const path = join(folder, 'disk');
  mkdirSync(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'parley-test', path], { stdio: 'pipe' });
  } catch {
    return { path, shortage: ['limit', String(diskBytes - fillerBytes)], [Symbol.dispose]: () => undefined };
  }
  const filler = join(path, 'filler');
  writeFileSync(filler, Buffer.alloc(fillerBytes));
  return { path, shortage: ['filler', filler], [Symbol.dispose]: () => execFileSync('umount', [path]) };
}

describe('a full disk', () => {
  test('takes nothing that it cannot keep, loses nothing that it has taken, and takes again once there is room', async () => {
    await using folder = await temporaryFolder();
    using disk = smallDisk(folder.path);
    const output = execFileSync(process.execPath, [script, disk.path, ...disk.shortage], { encoding: 'utf8' });
    const { acknowledged, otherErrors, storedWhileFull, after } = JSON.parse(output) as FillReport;
    expect(otherErrors).toEqual([]);
    expect(acknowledged.length).toBeGreaterThan(100);
    expect(storedWhileFull.toSorted()).toEqual(acknowledged.toSorted());
    expect(after).toBe(`connections/0/${acknowledged.filter((line) => line.startsWith('connections')).length} after`);

    await using again = await openForTest(disk.path);
    const found: string[] = [];
    for (const [topic, partitions] of again.topics) {
      for (let partition = 0; partition < partitions; partition += 1) {
        for (const record of await readAll(again, topic, partition)) found.push(`${placeOf(record)} ${record.key}`);
      }
    }
    expect(found.toSorted()).toEqual([...acknowledged, after].toSorted());
  });
});
