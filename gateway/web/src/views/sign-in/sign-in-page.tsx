import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { App, Refusal, SignInState } from '../../client/app.ts';
import { ThemeSwitch } from '../common/theme-switch.tsx';
import { Trouble } from '../common/trouble.tsx';
import { PasswordForm } from './password-form.tsx';

/** Who is not in yet gets in here. */
export function SignInPage({ app }: { readonly app: App }) {
  const state = app.signIn.state.value;
  useEffect(() => {
    document.title = 'Parley';
  }, []);
  return (
    <main class="sign-in">
      <div class="sign-in-card">
        <p class="brand">
          <img src="./favicon.svg" alt="" width="40" height="40" />
          Parley
        </p>
        <Way app={app} state={state} />
      </div>
      <ThemeSwitch />
    </main>
  );
}

function Way({ app, state }: { readonly app: App; readonly state: SignInState }) {
  switch (state.kind) {
    case 'asking':
      return <p role="status">One moment…</p>;
    case 'unreachable':
      return (
        <div role="status">
          <h1>The server does not answer.</h1>
          <p>It is asked again every few seconds; you need do nothing.</p>
        </div>
      );
    case 'account-needed':
      return <PasswordForm app={app} signUpOpen={state.signUpOpen} notice={state.notice} />;
    case 'issuer-needed':
      return <IssuerWay app={app} state={state} />;
    case 'in':
      return null;
    default:
      return state satisfies never;
  }
}

interface IssuerWayProps {
  readonly app: App;
  readonly state: Extract<SignInState, { kind: 'issuer-needed' }>;
}

function IssuerWay({ app, state: { issuer, canGoThere, notice } }: IssuerWayProps) {
  const refused = useSignal<Refusal | undefined>(undefined);
  const isGoing = useSignal(false);
  const trouble = refused.value ?? notice;
  const go = async () => {
    isGoing.value = true;
    refused.value = await app.signIn.withIssuer();
    isGoing.value = false;
  };
  return (
    <>
      <h1>Sign in</h1>
      {trouble !== undefined && <Trouble refusal={trouble} />}
      {canGoThere ? (
        <button type="button" class="primary wide-button" disabled={isGoing.value} onClick={() => void go()}>
          Sign in with {hostOf(issuer)}
        </button>
      ) : (
        <p>
          People sign in here with {hostOf(issuer)}, but this page is not registered there. Whoever runs this server can
          set PARLEY_OIDC_WEB_CLIENT_ID.
        </p>
      )}
    </>
  );
}

function hostOf(issuer: string): string {
  return URL.parse(issuer)?.host ?? issuer;
}
