import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import type { App, Refusal } from '../../client/app.ts';
import { Icon } from '../common/icon.tsx';
import { ThemeSwitch } from '../common/theme-switch.tsx';
import { Trouble } from '../common/trouble.tsx';
import { AccountSection } from './account-section.tsx';
import { InstructionsForm } from './instructions-form.tsx';
import { OwnUseSection } from './own-use-section.tsx';
import { TimeZoneField } from './time-zone-field.tsx';
import '../../styles/settings.css';

/** What people choose for themselves. */
export function SettingsPage({ app }: { readonly app: App }) {
  const signIn = app.signIn.state.value;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard.
    <div class="settings" tabIndex={0}>
      <div class="settings-inside">
        <Section title="Appearance">
          <ThemeSwitch />
        </Section>
        <Section title="Time zone">
          <p>The assistant is told what time it is for you, and times on this page are shown so.</p>
          <TimeZoneField settings={app.settings} />
        </Section>
        <Section title="Your instructions">
          <InstructionsForm settings={app.settings} isAccount={signIn.kind === 'in' && signIn.canSignOut} />
        </Section>
        <Section title="Your conversations">
          <Export app={app} />
        </Section>
        {signIn.kind === 'in' && (
          <Section title="Your use">
            <OwnUseSection app={app} clientId={signIn.clientId} />
          </Section>
        )}
        <AccountSection app={app} />
      </div>
    </div>
  );
}

function Section({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {children}
    </section>
  );
}

/** A file with all that was said. */
function Export({ app }: { readonly app: App }) {
  const words = useSignal('');
  const isBusy = useSignal(false);
  const refused = useSignal<Refusal | undefined>(undefined);
  const run = async () => {
    isBusy.value = true;
    refused.value = undefined;
    words.value = 'Reading…';
    const file = await app.settings.exportConversations((count) => {
      words.value = `${countWords(count)} read…`;
    });
    isBusy.value = false;
    words.value = file instanceof Blob ? 'The file is with your downloads.' : '';
    if (file instanceof Blob) save(file, 'parley-conversations.json');
    else refused.value = file;
  };
  return (
    <>
      <p>
        Everything that was said, as a JSON file. Pictures, recordings and videos are listed in it; the files themselves
        are not.
      </p>
      {refused.value !== undefined && <Trouble refusal={refused.value} onDismiss={() => (refused.value = undefined)} />}
      <p class="settings-act">
        <button
          type="button"
          class="plain"
          aria-disabled={isBusy.value}
          onClick={() => {
            if (!isBusy.value) void run();
          }}
        >
          <Icon name="download" />
          Export
        </button>
        <span role="status">{words.value}</span>
      </p>
    </>
  );
}

function countWords(count: number): string {
  return count === 1 ? '1 conversation' : `${count} conversations`;
}

/** As a click on a link to it would. */
function save(file: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  // Not at once: the browser may not have begun to read it.
  setTimeout(() => URL.revokeObjectURL(link.href), revokeAfterMs);
}

const revokeAfterMs = 60_000;
