import { Journal } from '../../app/journal.ts';
import { createEventCodec } from '../../codec/event-codec.ts';
import type { ConversationEvent } from '../../domain/conversation/events.ts';
import type { World } from '../world/world.ts';
import { prefix, topics } from '../world/world-names.ts';

/** Of a conversation that the log has as erased, no record up to there has content. */
export function checkErased(world: World): void {
  const journal = new Journal(world.log.handle(), createEventCodec(world.ids), prefix);
  for (let partition = 0; partition < world.scenario.config.limits.partitions; partition += 1) {
    const records = world.log.records(topics.conversations, partition);
    const erasedThrough = new Map<string, number>();
    for (const record of records) {
      const decoded = journal.decode<ConversationEvent>(record);
      if (decoded.kind !== 'event' || decoded.event.type !== 'ConversationErased') continue;
      const { conversationId, throughSequence } = decoded.event;
      erasedThrough.set(conversationId, Math.max(throughSequence, erasedThrough.get(conversationId) ?? -1));
    }
    for (const record of records)
      if (record.offset <= (erasedThrough.get(record.key) ?? -1) && journal.withoutWords(record) !== undefined)
        world.find('content-left', `conversations/${partition}@${record.offset} of ${record.key} has content`);
  }
}
