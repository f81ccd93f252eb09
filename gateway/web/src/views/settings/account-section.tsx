import { useSignal } from '@preact/signals';
import { useId } from 'preact/hooks';
import type { App, Refusal } from '../../client/app.ts';
import { CopyButton } from '../common/copy-button.tsx';
import { formText } from '../common/form-text.ts';
import { PasswordField } from '../common/password-field.tsx';
import { signOut } from '../common/sign-out.ts';
import { Trouble } from '../common/trouble.tsx';
import { nameOf } from '../common/who.ts';

/** Who is at the page, and what they do with their own account. */
export function AccountSection({ app }: { readonly app: App }) {
  const titleId = useId();
  const state = app.signIn.state.value;
  if (state.kind !== 'in') return null;
  return (
    <section aria-labelledby={titleId}>
      <h2 id={titleId}>Account</h2>
      {state.canSignOut ? (
        <p class="settings-act">
          <span>
            Signed in as <strong>{nameOf(state)}</strong>.
          </span>
          <button type="button" class="plain" onClick={() => void signOut(app)}>
            Sign out here
          </button>
        </p>
      ) : (
        <p class="settings-act">
          <span>
            Nobody signs in at this server. It knows this browser as <code>{state.clientId}</code>.
          </span>
          <CopyButton label="Copy client id" text={state.clientId} />
        </p>
      )}
      {state.hasPassword && <ChangePasswordForm app={app} />}
      {state.hasPassword && <SignOutEverywhere app={app} />}
    </section>
  );
}

function ChangePasswordForm({ app }: { readonly app: App }) {
  const isBusy = useSignal(false);
  const isDone = useSignal(false);
  const refused = useSignal<Refusal | undefined>(undefined);
  const troubleId = useId();
  const submit = async (form: HTMLFormElement) => {
    isBusy.value = true;
    isDone.value = false;
    refused.value = await app.signIn.changePassword(formText(form, 'oldPassword'), formText(form, 'newPassword'));
    isBusy.value = false;
    isDone.value = refused.value === undefined;
    if (isDone.value) form.reset();
    else form.querySelector<HTMLInputElement>('input')?.focus();
  };
  const describedBy = refused.value === undefined ? undefined : troubleId;
  const field = { describedBy, isInvalid: refused.value !== undefined };
  return (
    <form
      class="password-form"
      aria-label="Change password"
      onSubmit={(event) => {
        event.preventDefault();
        if (!isBusy.value) void submit(event.currentTarget);
      }}
    >
      {refused.value !== undefined && <Trouble refusal={refused.value} id={troubleId} />}
      <PasswordField label="Current password" name="oldPassword" isNew={false} {...field} />
      <PasswordField label="New password" name="newPassword" isNew {...field} />
      <p role="status">
        {isDone.value ? 'Your password is changed. Everywhere else you are signed out within minutes.' : ''}
      </p>
      <div class="dialog-acts">
        <button type="submit" class="primary" aria-disabled={isBusy.value}>
          {isBusy.value ? 'One moment…' : 'Change password'}
        </button>
      </div>
    </form>
  );
}

function SignOutEverywhere({ app }: { readonly app: App }) {
  const refused = useSignal<Refusal | undefined>(undefined);
  const leave = async () => {
    refused.value = await app.signIn.signOutEverywhere();
    // The next who signs in here does not begin with the address of somebody else's conversation.
    if (refused.value === undefined) location.hash = '#/';
  };
  return (
    <section class="account-everywhere" aria-label="Sign out everywhere">
      <p>If somebody else may use your account, end all its sign-ins: here, in other browsers and on other devices.</p>
      {refused.value !== undefined && <Trouble refusal={refused.value} />}
      <div class="dialog-acts">
        <button type="button" class="danger" onClick={() => void leave()}>
          Sign out everywhere
        </button>
      </div>
    </section>
  );
}
