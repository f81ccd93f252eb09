import { useEffect, useState } from 'preact/hooks';
import type { App, Refusal } from '../../client/app.ts';

/** Replies for screen readers: each once, when it is complete or has failed. Read piece by piece they would be a stammer. */
export function Announcements({ app }: { readonly app: App }) {
  const [{ reply, count }, setLast] = useState<{ reply: string | Refusal; count: number }>({ reply: '', count: 0 });
  useEffect(
    () => app.conversation.onReply((next) => setLast((last) => ({ reply: next, count: last.count + 1 }))),
    [app],
  );
  return (
    <div class="unseen" role="log" aria-live="polite" aria-label="Announcements">
      {/* Another element each time: what changes nothing is not announced, and two replies may be the same. */}
      {count > 0 && <p key={count}>{wordsOf(reply)}</p>}
    </div>
  );
}

function wordsOf(reply: string | Refusal): string {
  return typeof reply === 'string' ? `Assistant: ${reply}` : `No reply: ${reply.title} ${reply.advice}`;
}
