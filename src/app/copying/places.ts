import type { EventLog } from '../../ports/event-log.ts';
import type { Journal } from '../journal.ts';

/** A partition of a log. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
}

/** Every partition of the deployment's topics. */
export function placesOf({ log, topics }: Pick<Journal, 'log' | 'topics'>): readonly Place[] {
  return Object.values(topics).flatMap((topic: string) =>
    Array.from({ length: log.partitions(topic) }, (_, partition) => ({ topic, partition })),
  );
}

/** Where each partition ends now, and all of them together. Rejects with LogUnavailable. */
export async function endsOf(log: EventLog, places: readonly Place[]): Promise<readonly number[]> {
  return Promise.all(places.map(({ topic, partition }) => log.endOffset(topic, partition)));
}

export function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
