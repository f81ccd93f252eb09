/**
 * Words are the end of a value:
 *
 *   value = facts words         both are fields of one protobuf message, which may stand in any order
 *   words = { field }           those named below; none when nothing was said, or once it was erased
 *
 * So a value without its words is a beginning of it, and decodes to the same event with nothing said in it. Before the words were written
 * last, other fields came behind them; those are lost with them (a time zone, a reply's model and outcome).
 */
import { BinaryReader } from '@bufbuild/protobuf/wire';

/** The number of the field that holds an event's words, in chat_events.v1. */
const wordsFields: Readonly<Record<string, number>> = {
  MessageReceived: 5,
  ReplyProgress: 7,
  ReplyCompleted: 6,
  ConversationRenamed: 2,
};

/** The value of an event up to its words; undefined when it has none, or is no protobuf message up to there. */
export function redactedValue(eventName: string, value: Uint8Array): Uint8Array | undefined {
  const wordsField = wordsFields[eventName];
  if (wordsField === undefined) return undefined;
  const reader = new BinaryReader(value);
  try {
    while (reader.pos < reader.len) {
      const start = reader.pos;
      const [field, wireType] = reader.tag();
      if (field === wordsField) return value.subarray(0, start);
      reader.skip(wireType, field);
    }
  } catch {
    // Not a message: it is undecodable as well, which is where that is told.
  }
  return undefined;
}
