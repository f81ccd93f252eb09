import { because, type Configuration } from './noted.ts';
import type { EnvoyValues } from './values.ts';

/** What may wait in Envoy for one side that does not read: small, so that the other side feels it. */
export const bufferBytes = 1_048_576;
const streamWindowBytes = 65_536;

const httpOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** The gateways' gRPC ports. */
export function grpcCluster({ gateways }: EnvoyValues): Configuration {
  return {
    ...clusterOf(
      'gateways',
      gateways.map(({ host, grpcPort }) => endpointOf(host, grpcPort)),
      { grpc_health_check: {} },
    ),
    lb_policy: because('Streams last for hours: the gateway with the fewest gets the next one.', 'LEAST_REQUEST'),
    common_lb_config: {
      healthy_panic_threshold: because(
        'Calls go to gateways that are not healthy only when none is: while the log is away, all of them say so, and still answer with the reason and when to try again.',
        { value: 1 },
      ),
      override_host_status: because(
        'A gateway that drains takes no new sessions, but the calls of those that it holds. Of one that is gone, the call is tried elsewhere.',
        { statuses: ['HEALTHY', 'DEGRADED', 'UNKNOWN', 'DRAINING', 'UNHEALTHY'] },
      ),
    },
    circuit_breakers: because(
      'Each open session is one request for as long as it lasts; the default would end at 1,024.',
      { thresholds: [{ max_connections: 1024, max_pending_requests: 10000, max_requests: 100000, max_retries: 100 }] },
    ),
    typed_extension_protocol_options: {
      [httpOptions]: {
        '@type': `type.googleapis.com/${httpOptions}`,
        common_http_protocol_options: {
          max_requests_per_connection: because(
            'Many clients share a connection, and a gateway ends one on which more than 1,000 streams were reset at once (CVE-2023-44487): one client that cancels call after call must not end the sessions of others.',
            500,
          ),
        },
        explicit_http_config: {
          http2_protocol_options: {
            max_concurrent_streams: because(
              'Half of what a gateway admits (PARLEY_MAX_STREAMS_PER_CONNECTION): Node counts calls that were given up until it has cleared them away, and resets those that it has no room for.',
              50,
            ),
            initial_stream_window_size: because(
              'Small windows: a client that does not read must be felt by the gateway, which cuts it, and not fill the memory here.',
              streamWindowBytes,
            ),
            initial_connection_window_size: bufferBytes,
            connection_keepalive: { interval: '30s', timeout: '5s' },
          },
        },
      },
    },
  };
}

/** The gateways' HTTP ports: the web client's files, and media where a gateway keeps them itself. */
export function httpCluster({ gateways }: EnvoyValues): Configuration {
  return {
    ...clusterOf(
      'pages',
      gateways.map(({ host, httpPort }) => endpointOf(host, httpPort)),
      {
        http_health_check: { path: '/healthz' },
      },
    ),
    lb_policy: 'LEAST_REQUEST',
    common_lb_config: { healthy_panic_threshold: { value: 1 } },
    typed_extension_protocol_options: {
      [httpOptions]: {
        '@type': `type.googleapis.com/${httpOptions}`,
        common_http_protocol_options: {
          idle_timeout: because(
            'Sooner than Node, after 5 s: an upload must not begin on a connection that is being closed.',
            '3s',
          ),
        },
        explicit_http_config: { http_protocol_options: {} },
      },
    },
  };
}

/** What both have. No outlier detection: it would count a refusal that says "try again" as a fault of the gateway that says it. */
function clusterOf(name: string, endpoints: readonly Configuration[], check: Record<string, Configuration>) {
  return {
    name,
    type: because('Names are asked again every 5 s: gateways that are new get calls soon.', 'STRICT_DNS'),
    connect_timeout: '2s',
    per_connection_buffer_limit_bytes: bufferBytes,
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: endpoints }] },
    health_checks: because(
      'A gateway that drains, or does not answer, gets no new calls within 2 s; its streams end by themselves.',
      [
        {
          timeout: '1s',
          interval: '1s',
          no_traffic_interval: '1s',
          unhealthy_threshold: 2,
          healthy_threshold: 1,
          ...check,
        },
      ],
    ),
  };
}

function endpointOf(address: string, port: number): Configuration {
  return { endpoint: { address: addressOf({ host: address, port }) } };
}

/** An address as Envoy writes it. */
export function addressOf({ host, port }: { readonly host: string; readonly port: number }): Configuration {
  return { socket_address: { address: host, port_value: port } };
}
