import type { Message } from './gen/chat/v1/content_pb.js';

/** The text of a message: its text parts, one after the other. */
export function textOf(message: Pick<Message, 'parts'>): string {
  return message.parts.map(({ value }) => (value.case === 'text' ? value.value : '')).join('');
}
