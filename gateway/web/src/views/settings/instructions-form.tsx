import { useSignal } from '@preact/signals';
import { useId } from 'preact/hooks';
import type { Refusal, Settings } from '../../client/app.ts';
import { Trouble } from '../common/trouble.tsx';

interface InstructionsFormProps {
  readonly settings: Settings;
  /** They end with a sign-out. */
  readonly isAccount: boolean;
}

/** What a person wants the assistant to keep to, whatever they say. */
export function InstructionsForm({ settings, isAccount }: InstructionsFormProps) {
  const id = useId();
  const troubleId = useId();
  const text = useSignal(settings.instructions());
  const kept = useSignal(text.peek());
  const words = useSignal('');
  const refused = useSignal<Refusal | undefined>(undefined);
  const keep = (wanted: string) => {
    refused.value = settings.setInstructions(wanted);
    words.value = '';
    if (refused.value !== undefined) return;
    kept.value = settings.instructions();
    text.value = kept.value;
    words.value = kept.value === '' ? 'The assistant gets none.' : 'The assistant gets them from your next message on.';
  };
  return (
    <form
      class="instructions"
      aria-label="Your instructions"
      onSubmit={(event) => {
        event.preventDefault();
        keep(text.value);
      }}
    >
      <p>
        The assistant gets this text with every message that you send from this browser, until you remove it
        {isAccount ? ' or sign out.' : '.'}
      </p>
      {refused.value !== undefined && <Trouble refusal={refused.value} id={troubleId} />}
      <div class="field">
        <label for={id}>Instructions to the assistant</label>
        <textarea
          id={id}
          rows={4}
          placeholder="For example: I am a nurse. Answer in French, and briefly."
          value={text.value}
          aria-invalid={refused.value !== undefined}
          aria-describedby={refused.value === undefined ? undefined : troubleId}
          onInput={(event) => (text.value = event.currentTarget.value)}
        />
      </div>
      <p class="settings-act">
        <button type="submit" class="primary">
          Save
        </button>
        {kept.value !== '' && (
          <button type="button" class="plain" onClick={() => keep('')}>
            Remove
          </button>
        )}
        <span role="status">{words.value}</span>
      </p>
    </form>
  );
}
