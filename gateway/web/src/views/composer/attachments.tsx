import type { Attachment, Composer } from '../../client/app.ts';
import { Icon } from '../common/icon.tsx';
import { sizeLabel } from '../common/times.ts';

/** What goes with the message, to be looked at and listened to before it is sent. */
export function Attachments({ composer }: { readonly composer: Composer }) {
  const attachments = composer.attachments.value;
  if (attachments.length === 0) return null;
  return (
    <ul class="attachments" aria-label="Attachments">
      {attachments.map((attachment) => (
        <li key={attachment.key} class={`attachment attachment-${attachment.kind}`}>
          <Preview attachment={attachment} />
          <span class="attachment-name">{attachment.name}</span>
          <span class="attachment-size">{sizeLabel(attachment.sizeBytes)}</span>
          <button
            type="button"
            class="quiet round small"
            aria-label={`Remove ${attachment.name}`}
            onClick={() => composer.detach(attachment.key)}
          >
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}

function Preview({ attachment: { kind, previewUrl, name } }: { readonly attachment: Attachment }) {
  // biome-ignore-start lint/a11y/useMediaCaption: what was just recorded or chosen has none.
  if (kind === 'voice') return <audio controls src={previewUrl} aria-label={name} />;
  if (kind === 'video') return <video muted playsInline preload="metadata" src={previewUrl} aria-label={name} />;
  // biome-ignore-end lint/a11y/useMediaCaption: what was just recorded or chosen has none.
  return <img src={previewUrl} alt={name} />;
}
