/*
 * A protobuf message on the wire, as far as requests of the contract need it, to change one field and leave the others whole:
 *
 *   message = *( tag value )                  tag = varint of number(29) type(3)
 *   value   = varint | length octets          by types 0 and 2; length = varint
 */

/** A field that holds text, octets or a number, somewhere in a message. */
export interface Leaf {
  readonly bytes: Buffer;
  /** The whole message with this in its place. */
  with(bytes: Buffer): Buffer;
}

interface Field {
  readonly tag: Buffer;
  readonly type: number;
  readonly value: Buffer;
}

function varintEnd(bytes: Buffer, at: number): number {
  let end = at;
  while (end < bytes.length && (bytes[end] ?? 0) >= 0x80) end += 1;
  return end + 1;
}

function varint(value: number): Buffer {
  const octets: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) octets.push(0x80 | (rest % 0x80));
  return Buffer.from([...octets, rest]);
}

function numberIn(bytes: Buffer): number {
  return bytes.reduceRight((sum, octet) => sum * 0x80 + (octet & 0x7f), 0);
}

/** The fields of a message; undefined: it is none. */
function fieldsIn(message: Buffer): readonly Field[] | undefined {
  const fields: Field[] = [];
  for (let at = 0; at < message.length; ) {
    const tagEnd = varintEnd(message, at);
    const tag = message.subarray(at, tagEnd);
    const type = (tag[0] ?? 0) & 7;
    let start = tagEnd;
    let end = tagEnd;
    if (type === 0) end = varintEnd(message, tagEnd);
    else if (type === 2) {
      start = varintEnd(message, tagEnd);
      end = start + numberIn(message.subarray(tagEnd, start));
    } else return undefined;
    if (end > message.length || numberIn(tag) < 8) return undefined;
    fields.push({ tag, type, value: message.subarray(start, end) });
    at = end;
  }
  return fields;
}

function encoded({ tag, type, value }: Field): Buffer {
  return Buffer.concat(type === 2 ? [tag, varint(value.length), value] : [tag, value]);
}

/** The leaves of a message, those of the messages in it included. What could be text or a message is both. */
export function leavesOf(message: Buffer): readonly Leaf[] {
  const fields = fieldsIn(message) ?? [];
  return fields.flatMap((field, index): readonly Leaf[] => {
    const withValue = (value: Buffer) =>
      Buffer.concat(fields.map((other, at) => encoded(at === index ? { ...field, value } : other)));
    const own: Leaf = { bytes: field.value, with: withValue };
    const inner = field.type === 2 ? leavesOf(field.value) : [];
    return [own, ...inner.map((leaf) => ({ bytes: leaf.bytes, with: (bytes: Buffer) => withValue(leaf.with(bytes)) }))];
  });
}
