import type { MediaInspector } from '../../ports/media-inspector.ts';

/** Bytes that file-type needs to detect every format that it detects by its first bytes. */
const headBytes = 4_100;

/**
 * Where file-type's one name for the bytes is not all they may be called: containers whose first bytes do not say whether there are
 * pictures in them, and formats that go by several names, the usual one first.
 */
const namesOf: ReadonlyMap<string, readonly string[]> = new Map([
  ['audio/wav', ['audio/wav', 'audio/x-wav']],
  ['audio/x-m4a', ['audio/mp4', 'audio/x-m4a']],
  ['audio/mp4', ['audio/mp4', 'audio/x-m4a']],
  ['video/mp4', ['video/mp4', 'audio/mp4', 'audio/x-m4a']],
  ['video/x-m4v', ['video/mp4', 'video/x-m4v']],
  ['video/webm', ['video/webm', 'audio/webm']],
  ['image/apng', ['image/png', 'image/apng']],
]);

/** Tells media by their magic bytes. */
export const fileTypeInspector: MediaInspector = {
  headBytes,
  async contentTypes(head) {
    const name = await nameOf(head.subarray(0, headBytes));
    return name === undefined ? [] : (namesOf.get(name) ?? [name]);
  },
};

async function nameOf(head: Uint8Array): Promise<string | undefined> {
  try {
    // Loaded with the first medium: many servers never have one.
    const { fileTypeFromBuffer } = await import('file-type');
    const found = await fileTypeFromBuffer(head);
    // Codecs are told as a parameter.
    return found?.mime.split(';', 1)[0];
  } catch {
    // Bytes that begin like a format and then break its rules are of none: file-type throws whatever its parsers meet.
    return undefined;
  }
}
