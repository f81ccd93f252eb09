import { useSignal } from '@preact/signals';
import { useId } from 'preact/hooks';
import type { App, Refusal } from '../../client/app.ts';
import { Dialog } from '../common/dialog.tsx';
import { formText } from '../common/form-text.ts';
import { PasswordField } from '../common/password-field.tsx';
import { Trouble } from '../common/trouble.tsx';

interface AccountDialogProps {
  readonly app: App;
  readonly onClose: () => void;
}

/** What people do with their own account. */
export function AccountDialog({ app, onClose }: AccountDialogProps) {
  return (
    <Dialog title="Account" look="dialog-small" onClose={onClose}>
      <ChangePasswordForm app={app} />
      <SignOutEverywhere app={app} />
    </Dialog>
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
