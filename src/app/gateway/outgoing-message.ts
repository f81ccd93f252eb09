import { type Part, type TextPart, textOf } from '../../domain/conversation/events.ts';
import { utf8Length } from '../../domain/conversation/utf8.ts';
import { Refused } from '../../domain/errors/catalogue.ts';
import { isChosenId } from './hello.ts';

/** A message as a client sends it; media stand for what this release does not take. */
export interface OutgoingMessage {
  readonly clientMessageId: string;
  readonly parts: readonly (TextPart | { readonly kind: 'media' } | { readonly kind: 'none' })[];
}

/** The parts of a message that may be taken. Throws the refusal, the first by the order of its fields. */
export function checkMessage(message: OutgoingMessage, maxTextBytes: number): readonly Part[] {
  if (!isChosenId(message.clientMessageId)) throw new Refused('CLIENT_MESSAGE_ID_INVALID');
  if (message.parts.length === 0) throw new Refused('EMPTY_MESSAGE');
  const parts = message.parts.map(checkPart);
  const bytes = utf8Length(textOf(parts));
  if (bytes > maxTextBytes) throw new Refused('TEXT_TOO_LONG', `${bytes} bytes of text; ${maxTextBytes} are allowed`);
  return parts;
}

function checkPart(part: OutgoingMessage['parts'][number]): Part {
  if (part.kind === 'media') throw new Refused('MEDIA_TYPE_UNSUPPORTED', 'this release takes text only');
  if (part.kind === 'none' || part.text.trim() === '') throw new Refused('EMPTY_MESSAGE');
  return part;
}
