import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { App, FoundMessage } from '../../client/app.ts';
import { Icon } from '../common/icon.tsx';
import { recentLabel } from '../common/times.ts';
import { today } from '../common/today.ts';
import { hashOf } from '../navigation/route.ts';

/** So that not every letter is a question to the server. */
const pauseMs = 250;

/** The field over the list; what it finds stands in the list's place. */
export function SearchField({ app }: { readonly app: App }) {
  const query = useSignal('');
  useEffect(() => {
    const timer = setTimeout(() => void app.conversations.search(query.value.trim()), query.value === '' ? 0 : pauseMs);
    return () => clearTimeout(timer);
  }, [query.value]);
  return (
    <search class="search">
      <Icon name="search" />
      <input
        id="search"
        type="search"
        aria-label="Search messages"
        placeholder="Search messages"
        value={query.value}
        onInput={(event) => {
          query.value = event.currentTarget.value;
        }}
        onKeyDown={(event) => {
          if (event.key === 'Escape') query.value = '';
        }}
      />
    </search>
  );
}

/** Messages that have the words, each leading to its conversation. */
export function FoundMessages({ app, found }: { readonly app: App; readonly found: readonly FoundMessage[] }) {
  const titles = new Map(app.conversations.items.value.map(({ conversationId, title }) => [conversationId, title]));
  return (
    <>
      <p class="unseen" role="status">
        {found.length === 1 ? '1 message found' : `${found.length} messages found`}
      </p>
      {found.length === 0 && <p class="list-note">Nothing found.</p>}
      <ul class="found" aria-label="Found messages">
        {found.map(({ messageId, conversationId, text, at, role }) => (
          <li key={messageId}>
            <a href={hashOf({ kind: 'conversation', conversationId })}>
              <span class="found-head">
                <span>{titles.get(conversationId) ?? (role === 'user' ? 'You' : 'Assistant')}</span>
                <time dateTime={at.toISOString()}>{recentLabel(at, today.value)}</time>
              </span>
              <span class="found-text">{text}</span>
            </a>
          </li>
        ))}
      </ul>
    </>
  );
}
