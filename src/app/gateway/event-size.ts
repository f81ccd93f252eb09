import { textOf } from '../../domain/conversation/events.ts';
import type { SessionEvent } from './session-event.ts';

/** Counted for an event besides its text: ids, times and framing. */
const eventOverheadBytes = 200;

/** What an event for the client costs while it waits, in bytes. */
export function bytesOfEvent(event: SessionEvent): number {
  if (event.type === 'delta') return eventOverheadBytes + event.text.length;
  if (event.type === 'renamed') return eventOverheadBytes + event.title.length;
  if (event.type !== 'message') return eventOverheadBytes;
  let bytes = eventOverheadBytes + textOf(event.message.parts).length;
  for (const link of event.links.values()) bytes += eventOverheadBytes + link.url.length + (link.bytes?.length ?? 0);
  return bytes;
}
