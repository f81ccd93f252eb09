import type { App } from '../../client/app.ts';
import { Icon } from '../common/icon.tsx';
import { Trouble } from '../common/trouble.tsx';
import { ThemeSwitch } from '../shell/theme-switch.tsx';
import { ConversationRow } from './conversation-row.tsx';
import { FoundMessages, SearchField } from './search.tsx';

interface SidebarProps {
  readonly app: App;
  /** On a phone it is a drawer; undefined where it is always there. */
  readonly onHide?: () => void;
  readonly onHelp: () => void;
  readonly onAccount: () => void;
}

/** The conversations, and at its foot what is seldom needed. */
export function Sidebar({ app, onHide, onHelp, onAccount }: SidebarProps) {
  return (
    <>
      <div class="sidebar-head">
        <p class="brand">
          <img src="./favicon.svg" alt="" width="28" height="28" />
          Parley
        </p>
        {onHide !== undefined && (
          <button type="button" class="quiet round" aria-label="Hide conversations" onClick={onHide}>
            <Icon name="close" />
          </button>
        )}
      </div>
      <a class="plain new" id="new-conversation" href="#/">
        <Icon name="plus" />
        New conversation
      </a>
      <SearchField app={app} />
      <div class="sidebar-list">
        <Conversations app={app} />
      </div>
      <Foot app={app} onHelp={onHelp} onAccount={onAccount} />
    </>
  );
}

function Conversations({ app }: { readonly app: App }) {
  const { items, found, hasMore, isLoading, trouble } = app.conversations;
  if (found.value !== undefined) return <FoundMessages app={app} found={found.value} />;
  const isEmpty = items.value.length === 0;
  return (
    <>
      {trouble.value !== undefined && <Trouble refusal={trouble.value} />}
      {isEmpty && !isLoading.value && trouble.value === undefined && (
        <p class="list-note">Your conversations will be listed here.{isNobodySignedIn(app) && clientHint}</p>
      )}
      {!isEmpty && (
        <ul class="rows" aria-label="Conversations">
          {items.value.map((summary) => (
            <ConversationRow key={summary.conversationId} app={app} summary={summary} />
          ))}
        </ul>
      )}
      {isLoading.value && <p class="list-note">Loading…</p>}
      {hasMore.value && !isLoading.value && (
        <button type="button" class="plain more" onClick={() => void app.conversations.loadMore()}>
          More conversations
        </button>
      )}
    </>
  );
}

/** Where nobody signs in, this browser and the command line are different clients, and each lists its own. */
const clientHint = ' Those of the command line are another client’s: parley open shows them here.';

function isNobodySignedIn(app: App): boolean {
  const state = app.signIn.state.value;
  return state.kind === 'in' && !state.canSignOut;
}

/** The next who signs in here does not begin with the address of somebody else's conversation. */
async function leave(app: App): Promise<void> {
  await app.signIn.signOut();
  location.hash = '#/';
}

function Foot({ app, onHelp, onAccount }: Pick<SidebarProps, 'app' | 'onHelp' | 'onAccount'>) {
  const state = app.signIn.state.value;
  return (
    <div class="sidebar-foot">
      <ThemeSwitch />
      <span class="spring" />
      {app.operator.isOperator.value && (
        <a class="quiet round" href="#/operator" aria-label="Operator" title="Operator">
          <Icon name="gauge" />
        </a>
      )}
      <button type="button" class="quiet round" aria-label="Help" title="Keyboard and help" onClick={onHelp}>
        <Icon name="help" />
      </button>
      {state.kind === 'in' && state.hasPassword && (
        <button type="button" class="quiet round" aria-label="Account" title="Account" onClick={onAccount}>
          <Icon name="person" />
        </button>
      )}
      {state.kind === 'in' && state.canSignOut && (
        <button
          type="button"
          class="quiet round"
          aria-label="Sign out"
          title="Sign out"
          onClick={() => void leave(app)}
        >
          <Icon name="door" />
        </button>
      )}
    </div>
  );
}
