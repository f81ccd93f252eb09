import type { App } from '../../client/app.ts';
import { Icon } from '../common/icon.tsx';
import { signOut } from '../common/sign-out.ts';
import { Trouble } from '../common/trouble.tsx';
import { nameOf } from '../common/who.ts';
import { ConversationRow } from './conversation-row.tsx';
import { FoundTexts, SearchField } from './search.tsx';

interface SidebarProps {
  readonly app: App;
  /** On a phone it is a drawer; undefined where it is always there. */
  readonly onHide?: () => void;
  readonly onHelp: () => void;
}

/** The conversations, and at its foot what is seldom needed. */
export function Sidebar({ app, onHide, onHelp }: SidebarProps) {
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
      <Foot app={app} onHelp={onHelp} />
    </>
  );
}

function Conversations({ app }: { readonly app: App }) {
  const { items, found, hasMore, isLoading, trouble } = app.conversations;
  if (found.value !== undefined) return <FoundTexts app={app} found={found.value} />;
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
const clientHint = (
  <>
    {' '}
    Those of the command line are another client’s. To show them here, run <code>npm run parley -- open</code>
  </>
);

function isNobodySignedIn(app: App): boolean {
  const state = app.signIn.state.value;
  return state.kind === 'in' && !state.canSignOut;
}

function Foot({ app, onHelp }: Pick<SidebarProps, 'app' | 'onHelp'>) {
  const state = app.signIn.state.value;
  return (
    <div class="sidebar-foot">
      {state.kind === 'in' && (
        <a class="quiet who" href="#/settings" aria-label={`Settings, ${nameOf(state)}`} title="Settings">
          <Icon name="sliders" />
          <span>{nameOf(state)}</span>
        </a>
      )}
      {app.operator.isOperator.value && (
        <a class="quiet round" href="#/operator" aria-label="Operator" title="Operator">
          <Icon name="gauge" />
        </a>
      )}
      <button type="button" class="quiet round" aria-label="Help" title="Keyboard and help" onClick={onHelp}>
        <Icon name="help" />
      </button>
      {state.kind === 'in' && state.canSignOut && (
        <button
          type="button"
          class="quiet round"
          aria-label="Sign out"
          title="Sign out"
          onClick={() => void signOut(app)}
        >
          <Icon name="door" />
        </button>
      )}
    </div>
  );
}
