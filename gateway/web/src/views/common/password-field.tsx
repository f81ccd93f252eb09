import { useSignal } from '@preact/signals';
import { useId } from 'preact/hooks';

interface PasswordFieldProps {
  readonly label: string;
  /** In the form. */
  readonly name: string;
  /** For password managers: whether it is chosen here. */
  readonly isNew: boolean;
  readonly describedBy: string | undefined;
  readonly isInvalid: boolean;
}

/** A password, which can be shown. */
export function PasswordField({ label, name, isNew, describedBy, isInvalid }: PasswordFieldProps) {
  const id = useId();
  const isShown = useSignal(false);
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="field-with-button">
        <input
          id={id}
          name={name}
          {...(isShown.value ? { type: 'text' } : { type: 'password' })}
          autocomplete={isNew ? 'new-password' : 'current-password'}
          required
          aria-describedby={describedBy}
          aria-invalid={isInvalid}
        />
        <button
          type="button"
          class="quiet small"
          aria-pressed={isShown.value}
          aria-label={`Show ${label.toLowerCase()}`}
          onClick={() => {
            isShown.value = !isShown.value;
          }}
        >
          {isShown.value ? 'Hide' : 'Show'}
        </button>
      </div>
    </div>
  );
}
