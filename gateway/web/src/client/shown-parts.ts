import { Kind, type Part } from '../../../../src/client/gen/chat/v1/content_pb.js';
import type { ShownPart } from './app.ts';

/** The sorts of media that people see by name. */
export type MediaKind = 'voice' | 'video' | 'image';

/** As the contract names them. */
export const wireKinds: Readonly<Record<MediaKind, Kind>> = {
  voice: Kind.VOICE,
  video: Kind.VIDEO,
  image: Kind.IMAGE,
};

/** The parts of a message of history. Where the same media was chosen here its own bytes are shown on: nothing is fetched, nothing flickers. */
export function shownParts(parts: readonly Part[], before: readonly ShownPart[] | undefined): readonly ShownPart[] {
  return parts.flatMap((part, index) => {
    const shown = shownPart(part);
    if (shown === undefined) return [];
    const known = before?.[index];
    const isOurs = shown.kind !== 'text' && known?.kind === shown.kind && known.url.startsWith('blob:');
    return [isOurs ? { ...shown, url: known.url, bytes: known.bytes } : shown];
  });
}

function shownPart({ value }: Part): ShownPart | undefined {
  if (value.case === 'text') return { kind: 'text', text: value.value };
  if (value.case === undefined) return undefined;
  const { kind, url, mediaId, contentType, sizeBytes, fileName } = value.value;
  const known = kindOf(kind);
  // A kind that only a later release knows is not shown.
  if (known === undefined) return undefined;
  return { kind: known, url, mediaId, contentType, sizeBytes: Number(sizeBytes), fileName };
}

function kindOf(kind: Kind): MediaKind | undefined {
  return (['voice', 'video', 'image'] as const).find((name) => wireKinds[name] === kind);
}
