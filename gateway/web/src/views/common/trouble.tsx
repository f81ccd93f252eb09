import type { Refusal } from '../../client/app.ts';
import { Icon } from './icon.tsx';

interface TroubleProps {
  readonly refusal: Refusal;
  readonly onDismiss?: () => void;
  /** So that a field can be tied to it. */
  readonly id?: string;
}

/** What went wrong and what to do, read out at once. */
export function Trouble({ refusal, onDismiss, id }: TroubleProps) {
  return (
    <div class="trouble" role="alert" id={id}>
      <Icon name="trouble" />
      <p>
        <strong>{refusal.title}</strong> {refusal.advice}
      </p>
      {onDismiss !== undefined && (
        <button type="button" class="quiet round" aria-label="Dismiss" onClick={onDismiss}>
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}
