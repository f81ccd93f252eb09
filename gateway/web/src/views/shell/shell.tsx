import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { App } from '../../client/app.ts';
import { Icon } from '../common/icon.tsx';
import { laterPage } from '../common/later-page.tsx';
import { isNarrow } from '../common/media-query.ts';
import { ConnectionStatus } from '../connection/connection-status.tsx';
import { ConversationPage } from '../conversation/conversation-page.tsx';
import type { Navigation } from '../navigation/navigation.ts';
import { Sidebar } from '../sidebar/sidebar.tsx';
import { SignInPage } from '../sign-in/sign-in-page.tsx';
import { HelpDialog } from './help-dialog.tsx';
import { type Shortcut, shortcutOf } from './shortcuts.ts';

const OperatorPage = laterPage(async () => (await import('../operator/operator-page.tsx')).OperatorPage);
const SettingsPage = laterPage(async () => (await import('../settings/settings-page.tsx')).SettingsPage);

interface ShellProps {
  readonly app: App;
  readonly navigation: Navigation;
}

/** The whole page. */
export function Shell({ app, navigation }: ShellProps) {
  if (app.signIn.state.value.kind !== 'in') return <SignInPage app={app} />;
  return <SignedIn app={app} navigation={navigation} />;
}

function SignedIn({ app, navigation }: ShellProps) {
  const isDrawerOpen = useSignal(false);
  const isHelpOpen = useSignal(false);
  const route = navigation.route.value;
  const page = route.kind === 'operator' || route.kind === 'settings' ? route.kind : 'conversation';
  const isConversation = page === 'conversation';
  const isOverlaid = isNarrow.value && isDrawerOpen.value;
  useShortcuts(isDrawerOpen, isHelpOpen);
  return (
    <div class="shell" data-drawer={isOverlaid}>
      <SkipLink
        words={isConversation ? 'Skip to the message box' : 'Skip to the page'}
        to={isConversation ? 'message-box' : 'main'}
      />
      <Drawer isOpen={isDrawerOpen}>
        <Sidebar
          app={app}
          onHide={isNarrow.value ? () => (isDrawerOpen.value = false) : undefined}
          onHelp={() => (isHelpOpen.value = true)}
        />
      </Drawer>
      {isOverlaid && <div class="scrim" aria-hidden="true" onClick={() => (isDrawerOpen.value = false)} />}
      <div class="beside" inert={isOverlaid}>
        <Header app={app} title={titleOf(app, page)} drawer={isDrawerOpen} />
        <main id="main" class="main" tabIndex={-1} data-page={page}>
          {route.kind === 'operator' && <OperatorPage app={app} messageId={route.messageId} />}
          {route.kind === 'settings' && <SettingsPage app={app} />}
          {isConversation && <ConversationPage app={app} />}
        </main>
      </div>
      {isHelpOpen.value && <HelpDialog onClose={() => (isHelpOpen.value = false)} />}
    </div>
  );
}

function titleOf(app: App, page: 'operator' | 'settings' | 'conversation'): string {
  if (page !== 'conversation') return page === 'operator' ? 'Operator' : 'Settings';
  const title = app.conversation.title.value;
  return title === '' ? 'New conversation' : title;
}

/** The address stays what it is: it says what is open. */
function SkipLink({ words, to }: { readonly words: string; readonly to: string }) {
  return (
    <a
      class="skip"
      href={`#${to}`}
      onClick={(event) => {
        event.preventDefault();
        document.getElementById(to)?.focus();
      }}
    >
      {words}
    </a>
  );
}

interface DrawerProps {
  readonly isOpen: Signal<boolean>;
  readonly children: preact.ComponentChildren;
}

/** Beside the conversation where there is room, over it where there is none. */
function Drawer({ isOpen, children }: DrawerProps) {
  const drawer = useRef<HTMLElement>(null);
  const isHidden = isNarrow.value && !isOpen.value;
  const wasOpen = useRef(false);
  useEffect(() => {
    if (isNarrow.value && isOpen.value) drawer.current?.querySelector<HTMLElement>('button, a')?.focus();
    else if (wasOpen.current && isHidden) document.getElementById('show-conversations')?.focus();
    wasOpen.current = isOpen.value;
  }, [isOpen.value]);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Enter on a link is a click.
    <nav
      ref={drawer}
      class="sidebar"
      aria-label="Conversations"
      inert={isHidden}
      onClick={(event) => {
        // Whoever has chosen wants to see what was chosen, though it be what is open already.
        if (event.target instanceof Element && event.target.closest('a') !== null) isOpen.value = false;
      }}
    >
      {children}
    </nav>
  );
}

interface HeaderProps {
  readonly app: App;
  readonly title: string;
  readonly drawer: Signal<boolean>;
}

function Header({ app, title, drawer }: HeaderProps) {
  useEffect(() => {
    document.title = `${title} – Parley`;
  }, [title]);
  return (
    <header class="head">
      {isNarrow.value && (
        <button
          type="button"
          id="show-conversations"
          class="quiet round"
          aria-label="Show conversations"
          aria-expanded={drawer.value}
          onClick={() => (drawer.value = true)}
        >
          <Icon name="menu" />
        </button>
      )}
      <h1>{title}</h1>
      <ConnectionStatus app={app} />
    </header>
  );
}

function useShortcuts(isDrawerOpen: Signal<boolean>, isHelpOpen: Signal<boolean>): void {
  useEffect(() => {
    const acts: Readonly<Record<Shortcut, () => void>> = {
      search() {
        const field = document.getElementById('search');
        isDrawerOpen.value = true;
        // At once, for the next key; in a drawer that must open first, once it is there.
        field?.focus();
        if (document.activeElement !== field) requestAnimationFrame(() => field?.focus());
      },
      new() {
        location.hash = '#/';
      },
      help() {
        isHelpOpen.value = !isHelpOpen.value;
      },
      write: () => document.getElementById('message-box')?.focus(),
    };
    const onKeyDown = (event: KeyboardEvent) => {
      // Wherever the focus is: with a touch it may be nowhere.
      if (event.key === 'Escape') isDrawerOpen.value = false;
      const shortcut = shortcutOf(event);
      if (shortcut === undefined) return;
      event.preventDefault();
      acts[shortcut]();
    };
    addEventListener('keydown', onKeyDown);
    return () => removeEventListener('keydown', onKeyDown);
  }, []);
}
