import type { App } from '../../client/app.ts';
import { hasFinePointer } from '../common/media-query.ts';

const openings = [
  'What can you do?',
  'Show me a code block and a table.',
  'Show me a diagram and a formula.',
  'What time is it where I am?',
];

/** What stands where nothing has been said yet. */
export function Welcome({ app }: { readonly app: App }) {
  const { id, isLoadingOlder, trouble } = app.conversation;
  if (trouble.value !== undefined) return null;
  // What is listed has words; they are on their way.
  const isListed = app.conversations.items.value.some(({ conversationId }) => conversationId === id.value);
  if (isListed || isLoadingOlder.value) return <p class="older">Loading…</p>;
  return (
    <div class="welcome">
      <p class="welcome-title">What would you like to talk about?</p>
      <p>
        {hasFinePointer.value
          ? 'Write below, speak, or drop a picture, a recording or a video anywhere on this page.'
          : 'Write below, speak, or attach a picture, a recording or a video.'}
      </p>
      <ul>
        {openings.map((words) => (
          <li key={words}>
            <button type="button" class="plain" onClick={() => choose(app, words)}>
              {words}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Enter then sends it. */
function choose(app: App, words: string): void {
  app.composer.setText(words);
  document.getElementById('message-box')?.focus();
}
