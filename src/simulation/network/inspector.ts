import type { MediaInspector } from '../../ports/media-inspector.ts';

/** The content type of an object, by its first bytes; undefined: none that the simulation knows. */
export function contentTypeOf(head: Uint8Array): string | undefined {
  if (head[0] === 0x52 && head[1] === 0x49) return 'audio/wav';
  if (head[0] === 0x89 && head[1] === 0x50) return 'image/png';
  return head[4] === 0x66 && head[5] === 0x74 ? 'video/mp4' : undefined;
}

/** Tells the formats that the simulation's clients and models use. */
export const simulatedInspector: MediaInspector = {
  headBytes: 16,
  async contentTypes(head) {
    const contentType = contentTypeOf(head);
    return contentType === undefined ? [] : [contentType];
  },
};
