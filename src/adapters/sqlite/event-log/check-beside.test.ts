import { existsSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { checkBeside } from './check-beside.ts';
import { LogDamagedAtOpen } from './errors.ts';
import { checkedFirstRecords } from './limits.ts';
import { frameTable, logFiles, logFolder } from './schema.ts';
import { openSqliteLog } from './sqlite-log.ts';
import { openForTest, recordOf, tamper, temporaryFolder, testTopics } from './testing/logs.ts';
import { verifyLog } from './verify.ts';

const olderRecords = 300;
const recordsPerAppend = 2_000;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let table: string;
let faults: PromiseWithResolvers<Error>;

/** As a server opens it. */
const opened = () => {
  const onFault = (error: Error) => faults.resolve(error);
  return openSqliteLog({ mode: 'write', dataDir: folder.path, topics: testTopics, checksFirst: 'newest', onFault });
};

const records = (count: number) =>
  Array.from({ length: count }, (_, number) => recordOf(1, `key ${number}`, Uint8Array.of(1, 2, 3)));

/** The record at an offset of the partition that is too long to be checked first gets this first byte. */
const setFirstByte = (offset: number, byte: string) =>
  tamper(
    folder.path,
    `UPDATE ${table} SET frame = CAST(x'${byte}' || substr(frame, 2) AS BLOB) WHERE offset = ${offset}`,
  );

beforeEach(async () => {
  faults = Promise.withResolvers();
  folder = await temporaryFolder();
  await using log = await openForTest(folder.path);
  for (let left = checkedFirstRecords + olderRecords; left > 0; left -= recordsPerAppend)
    await log.append(records(Math.min(left, recordsPerAppend)));
  const place = verifyLog(logFolder(folder.path)).topology.partitions[1]!;
  table = frameTable(place.topic, place.partition);
});
afterEach(async () => {
  await folder[Symbol.asyncDispose]();
});

test('an old record that is damaged ends the writer while it serves, and from then on keeps the log from being opened', async () => {
  setFirstByte(7, '00');
  {
    await using log = await opened();
    expect(await faults.promise).toMatchObject({ cause: expect.any(LogDamagedAtOpen) });
    await expect(log.append(records(1))).rejects.toThrow('conversations/0 offset 7: the record fails its checksum');
  }
  for (const open of [opened, opened]) await expect(open()).rejects.toThrow(LogDamagedAtOpen);
  setFirstByte(7, '50');
  await (await opened())[Symbol.asyncDispose]();
  expect(existsSync(logFiles(logFolder(folder.path)).suspect)).toBe(false);
});

test('a damaged record among the newest keeps the log from being opened, and older ones are named with it', async () => {
  for (const offset of [7, olderRecords + 7]) setFirstByte(offset, '00');
  const error: unknown = await opened().catch((reason: unknown) => reason);
  expect(error).toMatchObject({ damages: [{ firstOffset: 7 }, { firstOffset: olderRecords + 7 }] });
});

test('nothing is found in a whole log, also while it is written', async () => {
  await using log = await opened();
  const { damage } = checkBeside(logFolder(folder.path));
  let isOver = false;
  const over = damage.finally(() => {
    isOver = true;
  });
  while (!isOver) await log.append(records(10));
  expect(await over).toBeUndefined();
});

test('a log is closed without waiting for the check', async () => {
  setFirstByte(7, '00');
  await (await opened())[Symbol.asyncDispose]();
  expect(existsSync(logFiles(logFolder(folder.path)).suspect)).toBe(false);
});
