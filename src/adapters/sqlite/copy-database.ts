import { backup, DatabaseSync } from 'node:sqlite';

/** Pages copied between two calls of `onProgress`, 4 MiB of those of 4 KiB. */
const pagesPerStep = 1_024;

/** How long it waits for another handle's transaction. */
const busyTimeoutMs = 5_000;

/**
 * Copies a database as it is at one moment, while others may go on writing to it: the write-ahead log keeps what they write until the copy is made.
 * Rejects with what SQLite throws. `onProgress` is called with pages.
 */
export async function copyDatabase(
  from: string,
  to: string,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<void> {
  using source = new DatabaseSync(from, { readOnly: true, timeout: busyTimeoutMs });
  // Without a transaction of its own, the copy would begin again at each write of another process.
  source.exec('BEGIN; SELECT count(*) FROM sqlite_schema');
  await backup(source, to, {
    rate: pagesPerStep,
    progress: ({ totalPages, remainingPages }) => onProgress(totalPages - remainingPages, totalPages),
  });
}
