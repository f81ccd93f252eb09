import { useSignal } from '@preact/signals';
import { useId } from 'preact/hooks';
import type { App, Refusal } from '../../client/app.ts';
import { formText } from '../common/form-text.ts';
import { PasswordField } from '../common/password-field.tsx';
import { Trouble } from '../common/trouble.tsx';

interface PasswordFormProps {
  readonly app: App;
  readonly signUpOpen: boolean;
  readonly notice?: Refusal;
}

/** The fields that a refusal is about. Others are about neither: with the same input the next attempt may work. */
function invalidFields(reason: string | undefined): { readonly name: boolean; readonly password: boolean } {
  const isBoth = reason === 'SIGN_IN_FAILED';
  return {
    name: isBoth || reason === 'USER_NAME_INVALID' || reason === 'USER_NAME_TAKEN',
    password: isBoth || reason === 'PASSWORD_INVALID',
  };
}

/** Name and password, to sign in or to make an account. */
export function PasswordForm({ app, signUpOpen, notice }: PasswordFormProps) {
  const isNew = useSignal(false);
  const isBusy = useSignal(false);
  const refused = useSignal<Refusal | undefined>(undefined);
  const troubleId = useId();
  const trouble = refused.value ?? notice;
  const submit = async (form: HTMLFormElement) => {
    const [userName, password] = [formText(form, 'userName').trim(), formText(form, 'password')];
    isBusy.value = true;
    refused.value = await (isNew.value
      ? app.signIn.signUp(userName, password)
      : app.signIn.withPassword(userName, password));
    isBusy.value = false;
    if (refused.value === undefined) return;
    const { name, password: isPassword } = invalidFields(refused.value.reason);
    form.querySelector<HTMLInputElement>(isPassword && !name ? '[name=password]' : '[name=userName]')?.focus();
  };
  const invalid = invalidFields(refused.value?.reason);
  const words = isNew.value ? 'Create an account' : 'Sign in';
  const describedBy = trouble === undefined ? undefined : troubleId;
  return (
    <form
      class="password-form"
      aria-label={words}
      onSubmit={(event) => {
        event.preventDefault();
        if (!isBusy.value) void submit(event.currentTarget);
      }}
    >
      <h1>{words}</h1>
      {trouble !== undefined && <Trouble refusal={trouble} id={troubleId} />}
      <UserNameField describedBy={describedBy} isInvalid={invalid.name} />
      <PasswordField
        label="Password"
        name="password"
        isNew={isNew.value}
        describedBy={describedBy}
        isInvalid={invalid.password}
      />
      <button type="submit" class="primary wide-button" aria-disabled={isBusy.value}>
        {isBusy.value ? 'One moment…' : isNew.value ? 'Create account' : 'Sign in'}
      </button>
      {signUpOpen && (
        <button
          type="button"
          class="plain wide-button"
          onClick={() => {
            isNew.value = !isNew.value;
            refused.value = undefined;
          }}
        >
          {isNew.value ? 'Sign in instead' : 'Create an account'}
        </button>
      )}
    </form>
  );
}

interface FieldProps {
  readonly describedBy: string | undefined;
  readonly isInvalid: boolean;
}

function UserNameField({ describedBy, isInvalid }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>User name</label>
      <input
        id={id}
        name="userName"
        autocomplete="username"
        autocapitalize="none"
        spellcheck={false}
        required
        aria-describedby={describedBy}
        aria-invalid={isInvalid}
      />
    </div>
  );
}
