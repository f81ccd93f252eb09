import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import type { RoomReport } from './testing/put-without-room.ts';
import { temporaryFolder } from './testing/served-store.ts';

const script = fileURLToPath(new URL('./testing/put-without-room.ts', import.meta.url));
const diskBytes = 2_000_000;

/** A place with little room: a tmpfs of its own; where mounting is not allowed, a limit on the size of files, which a store meets alike. */
function smallDisk(folder: string): Disposable & { readonly path: string; readonly isLimited: boolean } {
  const path = join(folder, 'disk');
  mkdirSync(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'parley-test', path], { stdio: 'pipe' });
  } catch {
    return { path, isLimited: true, [Symbol.dispose]: () => undefined };
  }
  return { path, isLimited: false, [Symbol.dispose]: () => execFileSync('umount', [path]) };
}

test.each(['by the disk', 'by a limit on files'])(
  'what there is no room for, %s, is refused, leaves nothing, and the next is taken',
  async (how) => {
    await using folder = await temporaryFolder();
    using disk = how === 'by the disk' ? smallDisk(folder.path) : undefined;
    const args = [disk?.path ?? folder.path, String(diskBytes), disk?.isLimited === false ? '' : 'limited'];
    const output = execFileSync(process.execPath, [script, ...args], { encoding: 'utf8' });
    expect(JSON.parse(output) as RoomReport).toEqual({
      uploadStatus: 507,
      uploadAnswer: { reason: 'MEDIA_STORE_FULL', detail: expect.any(String) },
      putError: 'MediaStoreFull',
      partialAfter: [],
      reported: 1,
      smallStatus: 201,
      there: [false, false, true],
    });
  },
);
