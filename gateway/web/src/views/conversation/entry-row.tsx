import type { App, Entry, ShownMessage } from '../../client/app.ts';
import { CopyButton } from '../common/copy-button.tsx';
import { Countdown } from '../common/countdown.tsx';
import { Icon } from '../common/icon.tsx';
import { dayLabel, timeLabel, wholeTimeLabel } from '../common/times.ts';
import { today } from '../common/today.ts';
import { focusMessageBox } from '../composer/message-box.tsx';
import { hashOf } from '../navigation/route.ts';
import { Media } from './media.tsx';
import { ReplyText } from './reply-text.tsx';

interface EntryRowProps {
  readonly app: App;
  readonly entry: Entry;
  /** A new day is written above it. */
  readonly beginsDay: boolean;
  /** It may be seen soon, and is laid out. */
  readonly isNear: boolean;
}

/** One message. It is drawn again when its own signal changes, and by nothing else. */
export function EntryRow({ app, entry, beginsDay, isNear }: EntryRowProps) {
  const message = entry.message.value;
  const who = message.role === 'user' ? 'You' : 'Assistant';
  return (
    <div class="entry" data-role={message.role} data-status={message.status}>
      {beginsDay && (
        <h2 class="day">
          <span>{dayLabel(message.at, today.value)}</span>
        </h2>
      )}
      <article aria-label={`${who}, ${timeLabel(message.at)}`} data-status={message.status} data-key={entry.key}>
        {isNear ? (
          <NearMessage app={app} entryKey={entry.key} message={message} />
        ) : (
          <p class="plain-words">{wordsOf(message)}</p>
        )}
      </article>
    </div>
  );
}

function wordsOf(message: ShownMessage): string {
  return message.parts.map((part) => (part.kind === 'text' ? part.text : '')).join('\n');
}

interface NearMessageProps {
  readonly app: App;
  readonly entryKey: string;
  readonly message: ShownMessage;
}

function NearMessage({ app, entryKey, message }: NearMessageProps) {
  const { conversation } = app;
  const isReply = message.role === 'assistant';
  return (
    <>
      <div class="said">
        {message.parts.map((part, index) => {
          if (part.kind !== 'text') return <Media key={index} part={part} conversation={conversation} />;
          if (isReply) return <ReplyText key={index} text={part.text} isGrowing={message.status === 'growing'} />;
          return (
            <p key={index} class="plain-words">
              {part.text}
            </p>
          );
        })}
        {message.status === 'growing' && message.parts.length === 0 && <Dots />}
      </div>
      {message.retry !== undefined && (
        <p class="thinking" role="status">
          {message.retry.why}; trying again{' '}
          <span aria-hidden="true">
            <Countdown untilMs={message.retry.atMs} />
          </span>
        </p>
      )}
      {message.refusal !== undefined && <Refused app={app} entryKey={entryKey} message={message} />}
      <Foot app={app} message={message} />
      {message.status === 'processing' && (
        <p class="thinking">
          <Dots />
          <span>Thinking…</span>
        </p>
      )}
    </>
  );
}

function Dots() {
  return (
    <span class="dots" aria-hidden="true">
      <i />
      <i />
      <i />
    </span>
  );
}

/** Reasons for which the same content may get a reply later. Elsewhere an operator or the author must change something first. */
const sendableAgain: ReadonlySet<string> = new Set(['PROVIDER_FAILED', 'PROVIDER_TIMEOUT', 'PROVIDER_BUSY']);

/** Reasons for which the same content will never be taken. */
const neverTaken: ReadonlySet<string> = new Set([
  'EMPTY_MESSAGE',
  'TEXT_TOO_LONG',
  'FILE_NAME_INVALID',
  'MEDIA_MISMATCH',
  'MEDIA_TOO_LARGE',
  'MEDIA_TYPE_UNSUPPORTED',
]);

/** What did not work, and for what is still here: again, changed, or away with it. */
function Refused({ app, entryKey, message }: NearMessageProps) {
  const { refusal, status } = message;
  if (refusal === undefined) return null;
  return (
    <div class="trouble in-message" role={status === 'unsent' ? 'alert' : undefined}>
      <Icon name="trouble" />
      <p>
        <strong>{refusal.title}</strong> {refusal.advice}
      </p>
      {status === 'unsent' && (
        <div class="trouble-acts">
          {neverTaken.has(refusal.reason) ? (
            <button type="button" class="plain small" onClick={() => edit(app, entryKey)}>
              Edit
            </button>
          ) : (
            <button type="button" class="plain small" onClick={() => app.conversation.retry(entryKey)}>
              Try again
            </button>
          )}
          <button type="button" class="plain small" onClick={() => app.conversation.discard(entryKey)}>
            Discard
          </button>
        </div>
      )}
      {status === 'failed' && sendableAgain.has(refusal.reason) && (
        <div class="trouble-acts">
          <button type="button" class="plain small" onClick={() => app.conversation.sendAgain(entryKey)}>
            Send again
          </button>
        </div>
      )}
    </div>
  );
}

function edit(app: App, entryKey: string): void {
  app.composer.edit(entryKey);
  focusMessageBox();
}

const statusWords: Partial<Record<ShownMessage['status'], string>> = {
  sending: 'Sending…',
  unsent: 'Not sent',
  queued: 'Waiting for its turn',
  incomplete: 'Incomplete: the model did not come to its end',
  stopped: 'Stopped',
  failed: 'No reply',
};

function Foot({ app, message }: { readonly app: App; readonly message: ShownMessage }) {
  const words = wordsOf(message);
  const mayExplain = message.messageId !== '' && app.operator.isOperator.value;
  const status = statusWords[message.status];
  return (
    <footer class="foot">
      <time dateTime={message.at.toISOString()} title={wholeTimeLabel(message.at)}>
        {timeLabel(message.at)}
      </time>
      {message.model !== undefined && message.model !== '' && <span class="foot-model">{message.model}</span>}
      {status !== undefined && <span class="foot-status">{status}</span>}
      <span class="foot-acts">
        {words !== '' && <CopyButton label="Copy message" text={words} isSmall />}
        {mayExplain && (
          <a
            class="quiet small"
            href={hashOf({ kind: 'operator', messageId: message.messageId })}
            aria-label="Explain this message"
            title="Explain this message"
          >
            <Icon name="info" />
          </a>
        )}
      </span>
    </footer>
  );
}
