import { recordsOfRelease01 } from '../fixtures/old-records.ts';
import type { World } from './world.ts';
import { topics } from './world-names.ts';

/** A log that release 0.1 began, as if it had been copied here: its conversation lies in the partition that it has here. */
export function beginWithOldRecords({ log, ids, scenario, trace }: World): void {
  const records = recordsOfRelease01();
  const conversationId = records.find(({ topic, key }) => topic === 'conversations' && key !== '')?.key ?? '';
  const ofConversation = ids.partition(conversationId, scenario.config.limits.partitions);
  trace.note('log', `begins with ${records.length} records of release 0.1`);
  log.append(
    records.map(({ topic, key, headers, value }) => ({
      topic: topics[topic],
      partition: topic === 'connections' ? 0 : ofConversation,
      key,
      headers,
      value: Buffer.from(value, 'base64'),
    })),
  );
}
