import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/adapters/node/system-clock.ts';
import { openSqliteReadModels, type SqliteReadModels } from '../../src/adapters/sqlite/read-model/store.ts';
import { Journal } from '../../src/app/journal.ts';
import type { ParleyEvent } from '../../src/ports/event-codec.ts';
import type { ReadModelStore } from '../../src/ports/read-model.ts';
import { eventCodec } from '../../src/testing/event-codec.ts';
import { MemoryLogServer } from '../../src/testing/memory/event-log/memory-log.ts';
import type { DeadLetterDocument } from '../engine/dead-letters.ts';
import type { Projection } from '../engine/projection.ts';
import { runProjector } from '../engine/runner.ts';
import { projections } from '../models.ts';

/** A log in memory, read models in a temporary folder. */
export interface Harness extends AsyncDisposable {
  readonly server: MemoryLogServer;
  readonly journal: Journal;
  readonly path: string;
  readonly store: SqliteReadModels;
  append(partition: number, ...events: ParleyEvent[]): Promise<void>;
  /** A record whose bytes mean nothing under this CloudEvents type. */
  appendBytes(partition: number, type: string, value: Uint8Array): Promise<void>;
  /** Runs the projector until the models have everything that is in the log; resolves to what it had to park. */
  project(): Promise<readonly DeadLetterDocument[]>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** `stepMs`: between the times of two records. */
export async function openHarness(partitions = 2, stepMs = 10): Promise<Harness> {
  const folder = await mkdtemp(join(tmpdir(), 'parley-projections-'));
  const path = join(folder, 'read-models.db');
  let timeMs = 1_000;
  // A time of its own for each record.
  const nowMs = () => (timeMs += stepMs);
  const server = new MemoryLogServer({ 'test.conversations': partitions, 'test.connections': 1 }, nowMs);
  const log = server.handle();
  const journal = new Journal(log, eventCodec, 'test');
  const store = openSqliteReadModels({ path, mode: 'write' });
  return {
    server,
    journal,
    path,
    store,
    append: async (partition, ...events) => {
      const topic = journal.topics.conversations;
      await log.append(events.map((event) => ({ topic, partition, key: '', ...eventCodec.encode(event) })));
    },
    appendBytes: async (partition, type, value) => {
      await log.append([
        { topic: journal.topics.conversations, partition, key: '', headers: { ce_type: type }, value },
      ]);
    },
    project: () => projectAll(journal, store, projections),
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

/** Runs the projector on these until the models have everything that is in the log now. */
export async function projectAll(
  journal: Journal,
  store: ReadModelStore,
  models: readonly Projection[],
): Promise<readonly DeadLetterDocument[]> {
  const behind = new Map<string, number>();
  for (const { model, topic } of models) {
    const name = journal.topics[topic];
    for (let partition = 0; partition < journal.log.partitions(name); partition++) {
      behind.set(`${model} ${partition}`, await journal.log.endOffset(name, partition));
    }
  }
  const parked: DeadLetterDocument[] = [];
  const over = new AbortController();
  await runProjector({
    journal,
    store,
    projections: models,
    clock: systemClock,
    signal: over.signal,
    onProgress(model, _topic, partition, nextOffset) {
      const key = `${model} ${partition}`;
      if (nextOffset >= (behind.get(key) ?? 0)) behind.delete(key);
      if (behind.size === 0) over.abort();
    },
    onDeadLetter: (document) => parked.push(document),
    onFault: (model, topic, partition, error) => {
      throw new Error(`${model} ${topic}/${partition}`, { cause: error });
    },
  });
  return parked;
}
