import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { App, FoundText } from '../../client/app.ts';
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

/** Messages and titles that have the words, these marked, each leading to its conversation. */
export function FoundTexts({ app, found }: { readonly app: App; readonly found: readonly FoundText[] }) {
  const titles = new Map(app.conversations.items.value.map(({ conversationId, title }) => [conversationId, title]));
  return (
    <>
      <p class="unseen" role="status">
        {found.length} found
      </p>
      {found.length === 0 && <p class="list-note">Nothing found.</p>}
      <ul class="found" aria-label="Found messages">
        {found.map(({ key, conversationId, excerpt, at, role }) => (
          <li key={key}>
            <a href={hashOf({ kind: 'conversation', conversationId })}>
              <span class="found-head">
                <span>{role === undefined ? 'Conversation' : (titles.get(conversationId) ?? speakers[role])}</span>
                <time dateTime={at.toISOString()}>{recentLabel(at, today.value)}</time>
              </span>
              <span class="found-text">
                {excerpt.map(({ text, found: isFound }) => (isFound ? <mark>{text}</mark> : text))}
              </span>
            </a>
          </li>
        ))}
      </ul>
    </>
  );
}

const speakers = { user: 'You', assistant: 'Assistant' };
