import { isMessage } from '@bufbuild/protobuf';
import { TimestampSchema, timestampDate } from '@bufbuild/protobuf/wkt';
import { type Message, MessageStatus, Role } from './gen/chat/v1/content_pb.js';

/**
 * For JSON.stringify: what the contract's messages hold, without what the generated code keeps for itself. Times are ISO 8601; 64-bit numbers become
 * JSON numbers: sequences and counts stay far below 2⁵³.
 */
export function jsonField(key: string, field: unknown): unknown {
  if (key.startsWith('$')) return undefined;
  if (isMessage(field, TimestampSchema)) return timestampDate(field).toJSON();
  return typeof field === 'bigint' ? Number(field) : field;
}

/** A message for JSON: names instead of numbers, checksums as hexadecimal digits, no bytes. */
export function messageFields(message: Message): object {
  const parts = message.parts.map(({ value }) => {
    if (value.case !== 'media') return value.case === undefined ? {} : { [value.case]: value.value };
    const { inlineData: _, sha256, ...media } = value.value;
    return { media: { ...media, sha256: hexOf(sha256) } };
  });
  return { ...message, role: nameOf(Role, message.role), status: nameOf(MessageStatus, message.status), parts };
}

/** The name of an enum's value, as the contract writes it without prefix. */
export function nameOf(names: Readonly<Record<number, string>>, value: number): string {
  return names[value] ?? String(value);
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
