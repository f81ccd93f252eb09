import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';

/** How far a consumer group has come in one partition. */
export interface Position {
  readonly group: string;
  readonly topicId: number;
  readonly partition: number;
  /** Offset of the next record it needs. */
  readonly offset: number;
}

/**
 * A position that is too high would skip records, so each row carries a checksum; too low or none only costs refolding.
 */
function checksum(position: Position): number {
  return crc32(`${position.topicId} ${position.partition} ${position.offset} ${position.group}`);
}

/** All positions whose rows are whole. */
export function readPositions(connection: DatabaseSync): Position[] {
  const positions: Position[] = [];
  for (const row of connection.prepare('SELECT consumer, topic_id, partition, offset, checksum FROM positions').all()) {
    const position = {
      group: String(row['consumer']),
      topicId: Number(row['topic_id']),
      partition: Number(row['partition']),
      offset: Number(row['offset']),
    };
    if (row['checksum'] === checksum(position)) positions.push(position);
  }
  return positions;
}

/** The statement that `writePosition` needs. */
export function preparePositions(connection: DatabaseSync): StatementSync {
  return connection.prepare(
    'INSERT OR REPLACE INTO positions (consumer, topic_id, partition, offset, checksum) VALUES (?, ?, ?, ?, ?)',
  );
}

/** Writes one position within the transaction that is open. */
export function writePosition(statement: StatementSync, position: Position): void {
  statement.run(position.group, position.topicId, position.partition, position.offset, checksum(position));
}
