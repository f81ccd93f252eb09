import type { App, Connection } from '../../client/app.ts';
import { Countdown } from '../common/countdown.tsx';
import { Icon } from '../common/icon.tsx';
import { connectionWords } from './words.ts';

/** A line that is always in sight. The seconds that count down are not read out: each would be an announcement. */
export function ConnectionStatus({ app }: { readonly app: App }) {
  const connection = app.connection.value;
  const { icon, mood, short } = connectionWords(connection);
  return (
    <div class="pill" role="status" aria-label="Connection" data-kind={connection.kind} data-mood={mood}>
      <Icon name={icon} />
      <span>{short}</span>
      {connection.kind === 'reconnecting' && !connection.offline && (
        <span aria-hidden="true">
          <Countdown untilMs={connection.atMs} />
        </span>
      )}
    </div>
  );
}

/** Over the message box: why there is no connection, and what can be done about it. */
export function ConnectionNotice({ app }: { readonly app: App }) {
  const connection: Connection = app.connection.value;
  const { notice, mood, icon } = connectionWords(connection);
  if (notice === undefined) return null;
  return (
    <section class="notice" aria-label="Session" data-mood={mood}>
      <Icon name={icon} />
      <p>
        <strong>{notice.title}</strong> {notice.advice}
      </p>
      {notice.act !== undefined && (
        <button type="button" class="primary" onClick={() => app.connect()}>
          {notice.act}
        </button>
      )}
    </section>
  );
}
