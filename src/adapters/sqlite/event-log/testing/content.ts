import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Erasure, LogRecord, NewRecord } from '../../../../ports/event-log.ts';
import { logFolder } from '../schema.ts';
import { recordOf } from './logs.ts';

const factBytes = 20;

/** A record whose value begins with a fact and goes on with words that no other record has, `<000001>` again and again. */
export function recordWithWords(slot: number, id: number, wordsBytes: number): NewRecord {
  const word = `<${String(id).padStart(6, '0')}>`;
  const fact = `fact ${id}`.padEnd(factBytes);
  const words = word.repeat(Math.ceil(wordsBytes / word.length));
  return recordOf(slot, `key ${id}`, Buffer.from(fact + words));
}

/** What is to remain of such a record. */
export function redact({ offset, value }: Pick<LogRecord, 'offset' | 'value'>): Erasure {
  return { offset, value: value.subarray(0, factBytes) };
}

/** Ids of all records whose words are anywhere in the files of the log, free space and WAL included. */
export function idsInFiles(dataDir: string): ReadonlySet<number> {
  const folder = logFolder(dataDir);
  const found = new Set<number>();
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const bytes = readFileSync(join(folder, name)).toString('latin1');
    for (const [, id] of bytes.matchAll(/<(\d{6})/g)) found.add(Number(id));
  }
  return found;
}
