import { parentPort, workerData } from 'node:worker_threads';
import { Pace } from '../../projections/engine/pace.ts';
import { openModel, runProjector } from '../../projections/engine/runner.ts';
import { SharedProgress } from '../../projections/engine/shared-progress.ts';
import { projections } from '../../projections/models.ts';
import { systemClock } from '../adapters/node/system-clock.ts';
import { openSqliteLog } from '../adapters/sqlite/event-log/sqlite-log.ts';
import { openSqliteReadModels } from '../adapters/sqlite/read-model/store.ts';
import { Journal } from '../app/journal.ts';
import { eventCodec } from './event-codec.ts';
import type { FromProjector, ProjectorData, ToProjector } from './projector.ts';

/** How late history may be when nobody waits for it. Under load turns are as far apart as the longest: a quarter less work for each message. */
const shortestPaceMs = 20;
const longestPaceMs = 100;

/** The body of the projector's thread: a reader of the log, the writer of the read models. */
async function main(port: NonNullable<typeof parentPort>, data: ProjectorData): Promise<void> {
  const tell = (message: FromProjector) => port.postMessage(message);
  const progress = new SharedProgress(data.models, data.progress);
  const pace = new Pace(systemClock, shortestPaceMs, () => progress.isAwaited, longestPaceMs);
  const over = new AbortController();
  await using log = await openSqliteLog({ mode: 'read', dataDir: data.dataDir, wakeSignal: data.wakeSignal });
  await using store = openSqliteReadModels({
    path: data.readModelPath,
    mode: 'write',
    onDamaged: (_inode, what) => tell({ kind: 'damaged', what }),
    onReplacing: () => progress.beginAgain(),
    onOpened: (inode) => progress.open(inode),
  });
  port.on('message', (message: ToProjector) => {
    if (message.kind === 'close') over.abort();
    else if (message.kind === 'awaited') pace.hurry();
    else store.replaceDamaged(message.inode);
  });
  // Readers begin when this is ready: they are to find the tables.
  for (const projection of projections) openModel(projection, store);
  tell({ kind: 'ready' });
  await runProjector({
    journal: new Journal(log, eventCodec, data.prefix),
    store,
    projections,
    clock: systemClock,
    signal: over.signal,
    pace,
    onProgress(model, _topic, partition, nextOffset) {
      // What was stored just before the store was replaced is not in the new one.
      if (store.isReplaced) return;
      progress.set(model, partition, nextOffset);
      if (progress.isAwaited) tell({ kind: 'progress' });
    },
    onDeadLetter: (parked) => tell({ kind: 'parked', parked }),
    onTruncated: (model, { message }) => tell({ kind: 'truncated', message: `${model} begins again: ${message}` }),
    onRetry: ({ message }) => tell({ kind: 'retry', message }),
    onFault: (model, topic, partition, error) => tell({ kind: 'fault', model, topic, partition, error }),
  });
}

if (parentPort === null) throw new Error('this runs as a thread of the server');
const port = parentPort;
await main(port, workerData as ProjectorData);
port.close();
