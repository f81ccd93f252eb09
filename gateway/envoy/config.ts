import { addressOf, grpcCluster, httpCluster } from './clusters.ts';
import { listener } from './listener.ts';
import { because, type Configuration } from './noted.ts';
import type { EnvoyValues } from './values.ts';

/** Connections of clients at once: each costs some 100 KB when it is busy, and a file descriptor. */
const maxConnections = 10_000;

/** All that Envoy is told. */
export function envoyConfiguration(values: EnvoyValues): Configuration {
  const limit = 'envoy.resource_monitors.global_downstream_max_connections';
  return {
    node: because('What asks for files by name must have one itself.', { id: 'envoy', cluster: 'parley' }),
    admin: because('Loopback only: for health checks and statistics, and able to stop Envoy.', {
      address: addressOf(values.admin),
    }),
    overload_manager: {
      resource_monitors: [
        {
          name: limit,
          typed_config: {
            '@type':
              'type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
            max_active_downstream_connections: maxConnections,
          },
        },
      ],
    },
    static_resources: {
      listeners: [listener(values)],
      clusters: [grpcCluster(values), httpCluster(values)],
    },
  };
}
