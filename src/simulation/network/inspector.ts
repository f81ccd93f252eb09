import type { MediaInspector } from '../../ports/media-inspector.ts';

/** Tells the two formats that the simulation's clients and models use. */
export const simulatedInspector: MediaInspector = {
  headBytes: 16,
  async contentTypes(head) {
    if (head[0] === 0x52 && head[1] === 0x49) return ['audio/wav'];
    return head[0] === 0x89 && head[1] === 0x50 ? ['image/png'] : [];
  },
};
