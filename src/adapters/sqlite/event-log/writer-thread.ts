/** The thread that syncs: it verifies and opens the log, then writes batches in the order they come. */
import { existsSync, rmSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../database.ts';
import { createLog, hasLog } from './data-folder.ts';
import { LogConfigMismatch } from './errors.ts';
import { checkedFirstRecords, idleFileCheckMs } from './limits.ts';
import { EraseRefused } from './log-eraser.ts';
import { LogWriter } from './log-writer.ts';
import type { ErasedPiece, Failure, FromWriter, Refusal, ToWriter, WriterOptions } from './protocol.ts';
import { createTopics, logFiles, markWritten, missingTopics, openForWriting } from './schema.ts';
import { Topology } from './topology.ts';
import { WriteFailed } from './transaction.ts';
import { type Verification, verifyLog } from './verify.ts';
import { createWakeSignal, raise } from './wake-signal.ts';

if (parentPort === null) throw new Error('this is a worker thread');
const port = parentPort;
const send = (message: FromWriter, transfer: readonly ArrayBuffer[] = []) => port.postMessage(message, transfer);

/** Adds topics that the log does not have yet; they are empty, so the verification stays valid. */
function withTopics(folder: string, verified: Verification, topics: Readonly<Record<string, number>>): Verification {
  const missing = missingTopics(verified.topology.topics, topics);
  if (missing.length === 0) return verified;
  const connection = openForWriting(logFiles(folder).database);
  try {
    createTopics(connection, missing);
  } finally {
    connection.close();
  }
  const topology = new Topology([...verified.topology.topics, ...missing]);
  const ends = topology.partitions.map((_, slot) => verified.ends[slot] ?? 0);
  return { ...verified, topology, ends };
}

function marked(folder: string, release: string): string | undefined {
  const connection = openForWriting(logFiles(folder).database);
  try {
    return markWritten(connection, release).release;
  } finally {
    connection.close();
  }
}

interface Opened {
  readonly before: string | undefined;
  readonly writer: LogWriter;
  readonly verified: Verification;
}

/** Where something is wrong with the newest records or was with older ones, all are checked: what is damaged is told as a whole. */
function verify(folder: string, checksNewestFirst: boolean): Verification {
  const { suspect } = logFiles(folder);
  const isSuspect = existsSync(suspect);
  if (checksNewestFirst && !isSuspect) {
    const newest = verifyLog(folder, { newestRecords: checkedFirstRecords });
    if (!newest.isPartial || newest.damages.length === 0) return newest;
  }
  const found = verifyLog(folder);
  if (isSuspect && found.damages.length === 0) rmSync(suspect);
  return found;
}

function open({ folder, topics, release, checksNewestFirst }: WriterOptions): Opened | Refusal {
  try {
    if (!hasLog(folder)) createLog(folder, missingTopics([], topics));
    const found = verify(folder, checksNewestFirst);
    if (found.laterFormat !== undefined)
      return { reason: 'later-release', format: found.laterFormat, release: found.laterRelease };
    if (found.damages.length > 0) return { reason: 'damaged', damages: found.damages };
    const verified = withTopics(folder, found, topics);
    const before = release === undefined ? undefined : marked(folder, release);
    return { writer: new LogWriter(folder, verified), verified, before };
  } catch (error) {
    return { reason: error instanceof LogConfigMismatch ? 'mismatch' : 'failed', message: messageOf(error) };
  }
}

function serve({ writer, verified, before }: Opened): void {
  const { topology, ends, positions, isPartial: isPartlyChecked } = verified;
  const wakeSignal = createWakeSignal(topology.partitions.length);
  const signal = new Int32Array(wakeSignal);
  raise(signal, ends);
  const looking = setInterval(() => lookAtFiles(writer), idleFileCheckMs);
  port.on('message', (message: ToWriter) => {
    if (message.kind === 'close') {
      clearInterval(looking);
      writer.close();
      port.close();
      return;
    }
    if (message.kind === 'erase') {
      const piece = erase(writer, message);
      reportDisplaced(writer);
      send({ kind: 'erasure', piece });
      return;
    }
    const written = write(writer, message);
    reportDisplaced(writer);
    send(written, [message.memory]);
    raise(signal, writer.ends);
  });
  send({ kind: 'opened', topics: topology.topics, ends, positions, writtenBy: before, isPartlyChecked, wakeSignal });
}

function lookAtFiles(writer: LogWriter): void {
  try {
    writer.checkFiles();
  } catch {
    reportDisplaced(writer);
  }
}

let hasReported = false;

/** Before what failed because of it is answered: whoever is answered finds the fault known. */
function reportDisplaced({ displaced }: LogWriter): void {
  if (displaced === undefined || hasReported) return;
  hasReported = true;
  send({ kind: 'displaced', message: displaced.message });
}

function write(writer: LogWriter, { memory, byteLength, positions }: ToWriter & { kind: 'write' }): FromWriter {
  try {
    const timeMs = writer.write(Buffer.from(memory, 0, byteLength), positions);
    return { kind: 'written', memory, timeMs };
  } catch (error) {
    return { kind: 'written', memory, timeMs: writer.lastTimeMs, failure: failureOf(error) };
  }
}

/** A piece of an erasure; behind the last one, the WAL. */
function erase(writer: LogWriter, { slot, erasures, isLast }: ToWriter & { kind: 'erase' }): ErasedPiece {
  try {
    const erased = writer.erase(slot, erasures);
    return { kind: 'erased', erased, isDone: isLast && erased === erasures.length && writer.emptyWal() };
  } catch (error) {
    if (!(error instanceof EraseRefused)) return { kind: 'failed', failure: failureOf(error) };
    const { reason, offset, message } = error;
    return { kind: 'refused', reason, offset, message };
  }
}

function failureOf(error: unknown): Failure {
  return { outcome: error instanceof WriteFailed ? error.outcome : 'unknown', message: messageOf(error) };
}

const opened = open(workerData as WriterOptions);
if ('reason' in opened) {
  send({ kind: 'refused', refusal: opened });
  port.close();
} else {
  serve(opened);
}
