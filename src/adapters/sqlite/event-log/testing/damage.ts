import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { type EventLog, LogDamaged } from '../../../../ports/event-log.ts';
import { LogDamagedAtOpen } from '../errors.ts';
import { FrameBatch, lostRecordType } from '../frame.ts';
import { LogWriter } from '../log-writer.ts';
import { salvageLog } from '../salvage.ts';
import { frameTable, logFiles, logFolder, openForReading } from '../schema.ts';
import { openSqliteLog, type SqliteLog } from '../sqlite-log.ts';
import { verifyLog } from '../verify.ts';
import { contentOf, openForTest, placeOf, recordOf, tamper } from './logs.ts';

const recordsBeforeCheckpoint = 200;
const recordsInWal = 150;
const largestValueBytes = 400;
/** Some records span overflow pages. */
const largeValueBytes = 9_000;
const damagedFiles = ['log.db', 'log.db-wal'] as const;

/** Numbers from 0 up to a bound, the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

/** A log folder as a killed process leaves it, and all that was acknowledged. */
export interface Original {
  readonly files: ReadonlyMap<string, Buffer>;
  /** Place to content. */
  readonly records: ReadonlyMap<string, string>;
  /** Place to the frame's bytes. */
  readonly frames: ReadonlyMap<string, Buffer>;
}

/** A log whose first part has been checkpointed and whose last part is only in the WAL. */
export async function makeOriginal(folder: string, random: (bound: number) => number): Promise<Original> {
  const dataDir = join(folder, 'original');
  const records = new Map<string, string>();
  await using log = await openForTest(dataDir);
  const append = async (count: number) => {
    for (let number = 0; number < count; number += 1) {
      const bytes = random(25) === 0 ? largeValueBytes : random(largestValueBytes);
      const value = Uint8Array.from({ length: bytes }, () => random(256));
      const batch = [
        recordOf(random(4), `key ${records.size}`, value),
        recordOf(random(4), `key ${records.size}+`, value),
      ];
      const places = await log.append(batch);
      for (const [index, place] of places.entries()) records.set(placeOf(place), contentOf(batch[index]!));
    }
  };
  await append(recordsBeforeCheckpoint);
  tamper(dataDir, 'PRAGMA wal_checkpoint(PASSIVE)');
  await append(recordsInWal);
  const names = ['head', ...damagedFiles];
  const files = new Map(names.map((name) => [name, readFileSync(join(logFolder(dataDir), name))]));
  return { files, records, frames: framesOf(dataDir) };
}

function framesOf(dataDir: string): Map<string, Buffer> {
  const connection = openForReading(logFiles(logFolder(dataDir)).database);
  const { topology } = verifyLog(logFolder(dataDir));
  const frames = new Map<string, Buffer>();
  for (const { topic, partition } of topology.partitions) {
    for (const row of connection.prepare(`SELECT offset, frame FROM ${frameTable(topic, partition)}`).all()) {
      frames.set(
        placeOf({ topic: topic.name, partition, offset: Number(row['offset']) }),
        Buffer.from(row['frame'] as Uint8Array),
      );
    }
  }
  connection.close();
  return frames;
}

/** What happens to a file: its end is cut off, or one bit changes. */
export type Kind = 'cut' | 'flip';

/** Writes a damaged copy into the folder, in place of what was there. Returns what was done to which file. */
export function writeDamagedCopy(
  original: Original,
  dataDir: string,
  kind: Kind,
  random: (bound: number) => number,
): string {
  rmSync(dataDir, { recursive: true, force: true });
  mkdirSync(logFolder(dataDir), { recursive: true });
  const victim = damagedFiles[random(damagedFiles.length)]!;
  let done = '';
  for (const [name, bytes] of original.files) {
    let content = bytes;
    if (name === victim) {
      const position = random(bytes.length);
      content = kind === 'cut' ? bytes.subarray(0, position) : flipped(bytes, position, random(8));
      done = `${kind} ${name} at ${position}`;
    }
    writeFileSync(join(logFolder(dataDir), name), content);
  }
  return done;
}

function flipped(bytes: Buffer, position: number, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(position) ^ (1 << bit), position);
  return copy;
}

/**
 * Checks that a copy is either whole and usable or refused, is not changed by being looked at, and never serves a
 * damaged record.
 */
export async function checkCopy(original: Original, dataDir: string): Promise<'whole' | 'refused'> {
  const before = fingerprints(dataDir);
  const verification = verifyLog(logFolder(dataDir));
  const served = await serve(dataDir);
  expect(fingerprints(dataDir)).toEqual(before);
  expectGenuine(served, original);
  if (verification.damages.length > 0 || verification.laterFormat !== undefined) return 'refused';
  expect(served.size).toBe(original.records.size);
  const writer = new LogWriter(logFolder(dataDir), verification);
  const batch = new FrameBatch();
  for (const { topic, partition } of verification.topology.partitions) {
    batch.add(topic.id, { ...recordOf(0, 'after', new Uint8Array(largeValueBytes)), partition });
  }
  writer.write(Buffer.from(batch.memory, 0, batch.byteLength), []);
  writer.close();
  expect(verifyLog(logFolder(dataDir)).damages).toEqual([]);
  return 'whole';
}

/** Checks that opening for writing tells the same as verification: it opens, or it names damages and the next step. */
export async function checkOpening(dataDir: string, expected: 'whole' | 'refused'): Promise<void> {
  if (expected === 'whole') {
    await (await openForTest(dataDir))[Symbol.asyncDispose]();
    return;
  }
  const error: unknown = await openForTest(dataDir).catch((reason: unknown) => reason);
  // One bit of the format's number makes it a later release's.
  expect((error as Error).name).toMatch(/^(LogDamagedAtOpen|LogOfLaterRelease)$/);
  if (error instanceof LogDamagedAtOpen) expect(error.damages).not.toEqual([]);
  expect((error as Error).message).toContain('parley salvage');
}

/**
 * Checks that salvage brings every record whose bytes are whole into a log that opens, names the others, and leaves the
 * source alone.
 */
export async function checkSalvage(original: Original, dataDir: string, kind: Kind): Promise<void> {
  const target = `${dataDir}-salvaged`;
  rmSync(target, { recursive: true, force: true });
  const before = fingerprints(dataDir);
  const report = await salvageLog(dataDir, target);
  expect(fingerprints(dataDir)).toEqual(before);
  const served = await serve(target);
  for (const [place, content] of served) if (content.includes(lostRecordType)) served.delete(place);
  expectGenuine(served, original);
  expect(report.records).toBe(served.size);
  const lost = [...original.records.keys()].filter((place) => !served.has(place));
  expect(report.missing.flatMap(placesOf).sort()).toEqual(lost.sort());
  const left = contentsOf(dataDir);
  expect(lost.filter((place) => left.some((bytes) => bytes.includes(original.frames.get(place)!)))).toEqual([]);
  // One bit is in the bytes of one record at most.
  if (kind === 'flip') expect(lost.length).toBeLessThanOrEqual(1);
  await (await openForTest(target))[Symbol.asyncDispose]();
}

function placesOf(damage: { topic?: string; partition?: number; firstOffset?: number; lastOffset?: number }): string[] {
  const { topic = '', partition = 0, firstOffset = 0, lastOffset = -1 } = damage;
  return Array.from({ length: lastOffset - firstOffset + 1 }, (_, index) =>
    placeOf({ topic, partition, offset: firstOffset + index }),
  );
}

function contentsOf(dataDir: string): Buffer[] {
  const paths = damagedFiles.map((name) => join(logFolder(dataDir), name));
  return paths.map((path) => (existsSync(path) ? readFileSync(path) : Buffer.alloc(0)));
}

function fingerprints(dataDir: string): string[] {
  return contentsOf(dataDir).map((bytes) => createHash('sha256').update(bytes).digest('hex'));
}

/** Place to content of all that a reader is served, each partition up to its first damaged record. */
async function serve(dataDir: string): Promise<Map<string, string>> {
  const served = new Map<string, string>();
  const log = await openSqliteLog({ mode: 'read', dataDir }).catch((error: unknown) => {
    expect((error as Error).name).toMatch(/^(LogDamagedAtOpen|LogOfLaterRelease)$/);
  });
  if (log === undefined) return served;
  await using _open: SqliteLog = log;
  for (const [topic, partitions] of log.topics) {
    for (let partition = 0; partition < partitions; partition += 1) {
      await servePartition(log, topic, partition, served).catch((error: unknown) =>
        expect(error).toBeInstanceOf(LogDamaged),
      );
    }
  }
  return served;
}

async function servePartition(
  log: EventLog,
  topic: string,
  partition: number,
  served: Map<string, string>,
): Promise<void> {
  const stop = new AbortController();
  const end = await log.endOffset(topic, partition);
  if (end === 0) return;
  for await (const batch of log.tail(topic, partition, 0, stop.signal)) {
    for (const record of batch) served.set(placeOf(record), contentOf(record));
    if (batch.at(-1)?.offset === end - 1) stop.abort();
  }
}

function expectGenuine(served: ReadonlyMap<string, string>, { records }: Original): void {
  expect([...served].filter(([place, content]) => records.get(place) !== content)).toEqual([]);
}
