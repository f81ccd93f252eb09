import { useSignal } from '@preact/signals';
import type { ActiveConnection, App, Refusal } from '../../client/app.ts';
import { ConfirmDialog } from '../common/dialog.tsx';
import { recentLabel, wholeTimeLabel } from '../common/times.ts';
import { today } from '../common/today.ts';
import { Trouble } from '../common/trouble.tsx';

/** Who is connected; each can be sent away. */
export function Connections({ app }: { readonly app: App }) {
  const leaving = useSignal<string | undefined>(undefined);
  const refused = useSignal<Refusal | undefined>(undefined);
  const connections = app.operator.connections.value;
  const disconnect = async (clientId: string) => {
    refused.value = await app.operator.disconnect(clientId);
  };
  return (
    <section aria-labelledby="connections-title">
      <h2 id="connections-title">Connections</h2>
      {refused.value !== undefined && <Trouble refusal={refused.value} onDismiss={() => (refused.value = undefined)} />}
      {connections.length === 0 ? (
        <p>Nobody is connected.</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard.
        <section class="wide" aria-label="Table of connections" tabIndex={0}>
          <table aria-labelledby="connections-title">
            <thead>
              <tr>
                <th scope="col">Client</th>
                <th scope="col">Since</th>
                <th scope="col">Time zone</th>
                <th scope="col">Gateway</th>
                <th scope="col">Has spoken</th>
                <th scope="col">
                  <span class="unseen">Disconnect</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {connections.map((connection) => (
                <Row
                  key={connection.sessionId}
                  connection={connection}
                  onDisconnect={() => (leaving.value = connection.clientId)}
                />
              ))}
            </tbody>
          </table>
        </section>
      )}
      {leaving.value !== undefined && (
        <ConfirmDialog
          question={`Disconnect ${leaving.value}?`}
          consequence="Its session ends at once. What it has sent is still answered, and it may connect again."
          act="Disconnect"
          onConfirm={() => void disconnect(leaving.value ?? '')}
          onClose={() => (leaving.value = undefined)}
        />
      )}
    </section>
  );
}

function Row({
  connection,
  onDisconnect,
}: {
  readonly connection: ActiveConnection;
  readonly onDisconnect: () => void;
}) {
  const { clientId, connectedAt, timeZone, gatewayId, hasSpoken } = connection;
  return (
    <tr>
      <th scope="row">{clientId}</th>
      <td>
        <time dateTime={connectedAt.toISOString()} title={wholeTimeLabel(connectedAt)}>
          {recentLabel(connectedAt, today.value)}
        </time>
      </td>
      <td>{timeZone}</td>
      <td>{gatewayId}</td>
      <td>{hasSpoken ? 'yes' : 'not yet'}</td>
      <td>
        <button type="button" class="plain small" aria-label={`Disconnect ${clientId}`} onClick={onDisconnect}>
          Disconnect
        </button>
      </td>
    </tr>
  );
}
