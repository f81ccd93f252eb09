import { useSignal } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';
import type { App, Refusal, Step } from '../../client/app.ts';
import { formText } from '../common/form-text.ts';
import { preciseTimeLabel, wholeTimeLabel } from '../common/times.ts';
import { Trouble } from '../common/trouble.tsx';
import { hashOf } from '../navigation/route.ts';

/** What became of one message, from the log. `messageId` comes from the address; '' when none was asked for. */
export function Explanation({ app, messageId }: { readonly app: App; readonly messageId: string }) {
  const answer = useSignal<readonly Step[] | Refusal | undefined>(undefined);
  const fieldId = useId();
  const section = useRef<HTMLElement>(null);
  const explain = async (id: string) => {
    answer.value = undefined;
    answer.value = await app.operator.explain(id);
    section.current?.scrollIntoView({ block: 'nearest' });
  };
  useEffect(() => {
    if (messageId !== '') void explain(messageId);
  }, [messageId]);
  const ask = (id: string) => {
    if (id === messageId) void explain(id);
    else location.hash = hashOf({ kind: 'operator', messageId: id });
  };
  return (
    <section ref={section} aria-labelledby="explain-title">
      <h2 id="explain-title">What became of a message</h2>
      <form
        class="explain"
        onSubmit={(event) => {
          event.preventDefault();
          ask(formText(event.currentTarget, 'messageId').trim());
        }}
      >
        <label for={fieldId}>Message id</label>
        <input key={messageId} id={fieldId} name="messageId" defaultValue={messageId} required spellcheck={false} />
        <button type="submit" class="primary">
          Explain
        </button>
      </form>
      <div aria-live="polite">{answer.value !== undefined && <Answer answer={answer.value} />}</div>
    </section>
  );
}

function Answer({ answer }: { readonly answer: readonly Step[] | Refusal }) {
  if ('reason' in answer) return <Trouble refusal={answer} />;
  if (answer.length === 0) return <p>Nothing is known of this message.</p>;
  return (
    <ol class="steps" aria-label="What happened">
      {answer.map(({ at, event, detail }, index) => (
        <li key={index}>
          <time dateTime={at.toISOString()} title={wholeTimeLabel(at)}>
            {preciseTimeLabel(at)}
          </time>
          <strong>{event}</strong>
          <span>{detail}</span>
        </li>
      ))}
    </ol>
  );
}
