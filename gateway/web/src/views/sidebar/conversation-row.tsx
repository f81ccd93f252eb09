import { useSignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { App, ConversationSummary, Refusal } from '../../client/app.ts';
import { ConfirmDialog } from '../common/dialog.tsx';
import { Icon } from '../common/icon.tsx';
import { recentLabel } from '../common/times.ts';
import { today } from '../common/today.ts';
import { Trouble } from '../common/trouble.tsx';
import { hashOf } from '../navigation/route.ts';

interface RowProps {
  readonly app: App;
  readonly summary: ConversationSummary;
}

/** One conversation of the list, with what can be done to it. */
export function ConversationRow({ app, summary }: RowProps) {
  const doing = useSignal<'nothing' | 'renaming' | 'deleting'>('nothing');
  const refused = useSignal<Refusal | undefined>(undefined);
  const link = useRef<HTMLAnchorElement>(null);
  const { conversationId, title, updatedAt } = summary;
  const isOpen = app.conversation.id.value === conversationId;
  const rename = async (next: string) => {
    doing.value = 'nothing';
    if (next !== '' && next !== title) refused.value = await app.conversations.rename(conversationId, next);
  };
  const remove = async () => {
    refused.value = await app.conversations.delete(conversationId);
    // The row is gone, and the focus with it.
    if (refused.value === undefined) document.getElementById('new-conversation')?.focus();
  };
  return (
    <li class="row" data-open={isOpen}>
      {doing.value === 'renaming' ? (
        <RenameForm
          title={title}
          onEnd={(next) => {
            void rename(next);
            requestAnimationFrame(() => link.current?.focus());
          }}
        />
      ) : (
        <>
          <a
            ref={link}
            href={hashOf({ kind: 'conversation', conversationId })}
            aria-current={isOpen ? 'page' : undefined}
          >
            {title}
          </a>
          <time dateTime={updatedAt.toISOString()}>{recentLabel(updatedAt, today.value)}</time>
          <RowActs
            title={title}
            onRename={() => (doing.value = 'renaming')}
            onDelete={() => (doing.value = 'deleting')}
          />
        </>
      )}
      {doing.value === 'deleting' && (
        <ConfirmDialog
          question="Delete this conversation?"
          consequence={`“${title}” and everything said in it is gone for ever, here and on the server.`}
          act="Delete"
          onConfirm={() => void remove()}
          onClose={() => (doing.value = 'nothing')}
        />
      )}
      {refused.value !== undefined && <Trouble refusal={refused.value} onDismiss={() => (refused.value = undefined)} />}
    </li>
  );
}

interface RowActsProps {
  readonly title: string;
  readonly onRename: () => void;
  readonly onDelete: () => void;
}

function RowActs({ title, onRename, onDelete }: RowActsProps) {
  return (
    <span class="row-acts">
      <button type="button" class="quiet small" aria-label={`Rename ${title}`} title="Rename" onClick={onRename}>
        <Icon name="pencil" />
      </button>
      <button type="button" class="quiet small" aria-label={`Delete ${title}`} title="Delete" onClick={onDelete}>
        <Icon name="trash" />
      </button>
    </span>
  );
}

interface RenameFormProps {
  readonly title: string;
  /** With the new title, or the old one when it is to stay. */
  readonly onEnd: (title: string) => void;
}

function RenameForm({ title, onEnd }: RenameFormProps) {
  const field = useRef<HTMLInputElement>(null);
  // Before the next key: who types on at once types here.
  useLayoutEffect(() => field.current?.select(), []);
  return (
    <form
      class="rename"
      onSubmit={(event) => {
        event.preventDefault();
        onEnd(field.current?.value.trim() ?? title);
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        onEnd(title);
      }}
    >
      <input ref={field} aria-label="New title" defaultValue={title} required maxLength={maxTitleChars} />
      <button type="submit" class="primary small">
        Save
      </button>
      <button type="button" class="plain small" onClick={() => onEnd(title)}>
        Cancel
      </button>
    </form>
  );
}

/** The server takes 200 characters. */
const maxTitleChars = 200;
