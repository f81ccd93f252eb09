import { addressOf, grpcCluster, httpCluster } from './clusters.ts';
import { listener } from './listener.ts';
import { because, type Configuration } from './noted.ts';
import type { EnvoyValues } from './values.ts';

/** Connections of clients at once: each costs some 100 KB when it is busy, and a file descriptor. */
const maxConnections = 10_000;

/** Streams of a connection of which most were reset within a second: then it is closed. Clients reset what they give up, not most of what they ask. */
const maxResetStreams = 100;

/** All that Envoy is told. */
export function envoyConfiguration(values: EnvoyValues): Configuration {
  const limit = 'envoy.resource_monitors.global_downstream_max_connections';
  return {
    node: because('What asks for files by name must have one itself.', { id: 'envoy', cluster: 'parley' }),
    admin: because('Loopback only: for health checks and statistics, and able to stop Envoy.', {
      address: addressOf(values.admin),
    }),
    layered_runtime: {
      layers: [
        {
          name: 'limits',
          static_layer: {
            overload: because('A connection whose calls are mostly reset at once is closed.', {
              premature_reset_total_stream_count: maxResetStreams,
              premature_reset_min_stream_lifetime_seconds: 1,
            }),
            http: because('So many calls of one connection, then others have a turn.', {
              max_requests_per_io_cycle: 10,
            }),
          },
        },
      ],
    },
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
