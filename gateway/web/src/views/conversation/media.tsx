import { useState } from 'preact/hooks';
import type { OpenConversation, ShownPart } from '../../client/app.ts';
import { Dialog } from '../common/dialog.tsx';
import { sizeLabel } from '../common/times.ts';

type MediaPart = Extract<ShownPart, { kind: 'voice' | 'video' | 'image' }>;

interface MediaProps {
  readonly part: MediaPart;
  readonly conversation: OpenConversation;
}

const names = { voice: 'Voice message', video: 'Video', image: 'Picture' } as const;

/** Voice, video or picture in its place, and how far its upload is. */
export function Media({ part, conversation }: MediaProps) {
  const { url, isGone, renew } = useLivingUrl(part, conversation);
  const words = `${names[part.kind]}${part.sizeBytes > 0 ? `, ${sizeLabel(part.sizeBytes)}` : ''}`;
  return (
    <figure class={`media media-${part.kind}`}>
      {isGone || url === '' ? (
        <p class="media-gone">{isGone ? `${words}: it cannot be had any more.` : `${words}…`}</p>
      ) : (
        <Player kind={part.kind} url={url} onFail={renew} />
      )}
      {part.fileName !== '' && part.progress === undefined && (
        <figcaption class="media-name">{part.fileName}</figcaption>
      )}
      {part.progress !== undefined && (
        <figcaption>
          <progress aria-label="Upload" max={1} value={part.progress} />
          <span>{Math.round(part.progress * 100)} %</span>
        </figcaption>
      )}
    </figure>
  );
}

interface PlayerProps {
  readonly kind: MediaPart['kind'];
  readonly url: string;
  readonly onFail: () => void;
}

function Player({ kind, url, onFail }: PlayerProps) {
  // biome-ignore-start lint/a11y/useMediaCaption: what people and models record has none.
  if (kind === 'voice')
    return <audio controls preload="metadata" src={url} aria-label={names.voice} onError={onFail} />;
  if (kind === 'video')
    return <video controls playsInline preload="metadata" src={url} aria-label={names.video} onError={onFail} />;
  // biome-ignore-end lint/a11y/useMediaCaption: what people and models record has none.
  return <Picture url={url} onFail={onFail} />;
}

function Picture({ url, onFail }: { readonly url: string; readonly onFail: () => void }) {
  const [isLarge, setLarge] = useState(false);
  return (
    <>
      <button type="button" class="picture" aria-label="Enlarge picture" onClick={() => setLarge(true)}>
        <img src={url} alt="" loading="lazy" decoding="async" onError={onFail} />
      </button>
      {isLarge && (
        <Dialog title={names.image} look="dialog-picture" onClose={() => setLarge(false)}>
          <img src={url} alt={names.image} />
        </Dialog>
      )}
    </>
  );
}

/** URLs end after a quarter of an hour; one that does not work is renewed once. */
function useLivingUrl(part: MediaPart, conversation: OpenConversation) {
  const [renewed, setRenewed] = useState<{ readonly from: string; readonly url: string | undefined }>();
  const isRenewed = renewed !== undefined && renewed.from === part.url;
  const renew = () => {
    if (isRenewed || part.mediaId === '') {
      setRenewed({ from: part.url, url: undefined });
      return;
    }
    void conversation.renewUrl(part.mediaId).then((url) => setRenewed({ from: part.url, url }));
  };
  return { url: isRenewed ? (renewed.url ?? '') : part.url, isGone: isRenewed && renewed.url === undefined, renew };
}
