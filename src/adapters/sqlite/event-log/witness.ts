/**
 * The witness: the file `head`, which says how far the log reached when it last answered.
 *
 * SQLite takes a damaged WAL frame for the end of the WAL and silently drops everything after it. So after each commit,
 * and before the append is answered, the writer notes the end of every partition here. The log was synced first and
 * this file is not, so after a power cut it may lag behind the log, and never leads; a log that does not reach it has
 * lost records.
 *
 *   head     = slot slot            written alternately, so that one is whole whenever the process dies; 4 KiB aligned
 *   slot     = magic crc length sequence topics ends
 *   magic    = "PHD" version        4 bytes; version is 0x01
 *   crc      = u32                  CRC-32 of everything after it
 *   length   = u32                  bytes of the whole slot
 *   sequence = u48                  the slot with the higher one counts
 *   topics   = u16(number) { u16(id) u16(partitions) u16(n) n bytes of UTF-8 }
 *   ends     = { u48 }              the end offset of every partition, topic by topic
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { isNotThere } from './errors.ts';
import { type Topic, Topology } from './topology.ts';

const slotMagic = 0x01444850;
const slotAlignmentBytes = 4_096;
const uint48Bytes = 6;
const uint16Bytes = 2;
const at = { crc: 4, length: 8, sequence: 12, topics: 18 } as const;

/** What the witness says. */
export interface Witnessed {
  readonly topology: Topology;
  /** End offset by slot. */
  readonly ends: readonly number[];
}

/** Writes the witness of a log. */
export class Witness {
  readonly #file: number;
  readonly #slot: Buffer;
  readonly #endsStart: number;
  #sequence = 0;

  /** Replaces the file atomically: the old one stays until the new one is complete. */
  constructor(path: string, topology: Topology, ends: ArrayLike<number>) {
    const topics = encodeTopics(topology.topics);
    this.#endsStart = at.topics + topics.length;
    const byteLength = this.#endsStart + topology.partitions.length * uint48Bytes;
    this.#slot = Buffer.alloc(Math.ceil(byteLength / slotAlignmentBytes) * slotAlignmentBytes);
    this.#slot.writeUInt32LE(slotMagic, 0);
    this.#slot.writeUInt32LE(byteLength, at.length);
    topics.copy(this.#slot, at.topics);
    const next = `${path}.new`;
    this.#file = openSync(next, 'w');
    this.note(ends);
    this.note(ends);
    fsyncSync(this.#file);
    renameSync(next, path);
    syncFolder(dirname(path));
  }

  /** Notes the end offset of every slot. It is not synced. Throws when the file system does. */
  note(ends: ArrayLike<number>): void {
    const slot = this.#slot;
    this.#sequence += 1;
    slot.writeUIntLE(this.#sequence, at.sequence, uint48Bytes);
    for (let index = 0; index < ends.length; index += 1) {
      slot.writeUIntLE(ends[index] ?? 0, this.#endsStart + index * uint48Bytes, uint48Bytes);
    }
    slot.writeUInt32LE(crc32(slot.subarray(at.length, slot.readUInt32LE(at.length))), at.crc);
    writeSync(this.#file, slot, 0, slot.length, (this.#sequence % 2) * slot.length);
  }

  /** Closes the file; it stays as last noted. */
  close(): void {
    closeSync(this.#file);
  }
}

/** What the witness file says; undefined when it is not there or neither slot is whole. */
export function readWitness(path: string): Witnessed | undefined {
  const bytes = readIfThere(path);
  let newest: { sequence: number; start: number } | undefined;
  for (let start = 0; start < bytes.length; start += slotAlignmentBytes) {
    if (!isWholeSlot(bytes, start)) continue;
    const sequence = bytes.readUIntLE(start + at.sequence, uint48Bytes);
    if (newest === undefined || sequence > newest.sequence) newest = { sequence, start };
  }
  return newest === undefined ? undefined : decodeSlot(bytes, newest.start);
}

/** Makes renames within a folder durable. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if (!isNotThere(error)) throw error;
    return Buffer.alloc(0);
  }
}

function isWholeSlot(bytes: Buffer, start: number): boolean {
  if (start + at.topics > bytes.length || bytes.readUInt32LE(start) !== slotMagic) return false;
  const length = bytes.readUInt32LE(start + at.length);
  if (length < at.topics || start + length > bytes.length) return false;
  return crc32(bytes.subarray(start + at.length, start + length)) === bytes.readUInt32LE(start + at.crc);
}

function encodeTopics(topics: readonly Topic[]): Buffer {
  const parts = [uint16(topics.length)];
  for (const { id, name, partitions } of topics) {
    const bytes = Buffer.from(name);
    parts.push(uint16(id), uint16(partitions), uint16(bytes.length), bytes);
  }
  return Buffer.concat(parts);
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(uint16Bytes);
  bytes.writeUInt16LE(value);
  return bytes;
}

function decodeSlot(bytes: Buffer, start: number): Witnessed {
  let position = start + at.topics;
  const next = (size: number) => {
    const value = bytes.readUIntLE(position, size);
    position += size;
    return value;
  };
  const topics = Array.from({ length: next(uint16Bytes) }, () => {
    const id = next(uint16Bytes);
    const partitions = next(uint16Bytes);
    const length = next(uint16Bytes);
    position += length;
    return { id, partitions, name: bytes.toString('utf8', position - length, position) };
  });
  const topology = new Topology(topics);
  return { topology, ends: topology.partitions.map(() => next(uint48Bytes)) };
}
