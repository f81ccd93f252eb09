import { affinityFilter } from './affinity.ts';
import { tlsSocket } from './certificate.ts';
import { addressOf, bufferBytes } from './clusters.ts';
import { corsFilter } from './cors.ts';
import { because, type Configuration } from './noted.ts';
import { rateLimitFilter, rateLimitReply } from './rate-limit.ts';
import { routeConfiguration } from './routes.ts';
import type { EnvoyValues } from './values.ts';

const file = 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog';

/** One line of JSON for each call, when it ends. Neither tokens nor queries: the URLs of media are signed in theirs. */
const accessLog: Configuration = {
  name: 'envoy.access_loggers.stdout',
  typed_config: {
    '@type': file,
    log_format: {
      json_format: {
        time: '%START_TIME%',
        method: '%REQ(:METHOD)%',
        path: '%PATH(NQ)%',
        protocol: '%PROTOCOL%',
        status: '%RESPONSE_CODE%',
        grpc_status: '%GRPC_STATUS%',
        details: '%RESPONSE_CODE_DETAILS%',
        flags: '%RESPONSE_FLAGS%',
        duration_ms: '%DURATION%',
        received_bytes: '%BYTES_RECEIVED%',
        sent_bytes: '%BYTES_SENT%',
        address: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%',
        gateway: '%UPSTREAM_HOST%',
        attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
        user_agent: '%REQ(USER-AGENT)%',
        traceparent: '%REQ(TRACEPARENT)%',
      },
    },
  },
};

const manager = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
/** Tokens of an issuer are the longest. Gateways take half as much again, for what Envoy adds. */
const maxHeadersKb = 16;

/** Where clients connect: HTTP/2 for gRPC, HTTP/1.1 or 2 for browsers. */
export function listener(values: EnvoyValues): Configuration {
  const { tls } = values;
  return {
    name: 'clients',
    address: addressOf(values.listen),
    per_connection_buffer_limit_bytes: because(
      'What one client that does not read may hold up here, before the gateway notices and cuts it.',
      bufferBytes,
    ),
    filter_chains: [
      {
        filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: connectionManager(values) }],
        ...(tls !== undefined && {
          transport_socket_connect_timeout: because('For the whole handshake.', '10s'),
          transport_socket: tlsSocket(tls),
        }),
      },
    ],
  };
}

function connectionManager(values: EnvoyValues): Configuration {
  return {
    '@type': `type.googleapis.com/${manager}`,
    stat_prefix: 'clients',
    codec_type: 'AUTO',
    ...addresses(values),
    ...patience,
    ...paths,
    http2_protocol_options: {
      max_concurrent_streams: 100,
      initial_stream_window_size: because(
        'One upload may fill a connection: with less, far away, it would wait for its windows.',
        bufferBytes,
      ),
      initial_connection_window_size: bufferBytes,
      connection_keepalive: because('A client that vanished without a word.', { interval: '30s', timeout: '5s' }),
    },
    local_reply_config: rateLimitReply,
    access_log: [accessLog],
    http_filters: [
      filter('envoy.filters.http.grpc_web', 'envoy.extensions.filters.http.grpc_web.v3.GrpcWeb'),
      corsFilter,
      rateLimitFilter(values),
      affinityFilter,
      filter('envoy.filters.http.router', 'envoy.extensions.filters.http.router.v3.Router', {
        suppress_envoy_headers: true,
      }),
    ],
    route_config: routeConfiguration(values),
  };
}

/** Who calls. */
function addresses({ trustedHops }: EnvoyValues): Record<string, Configuration> {
  return {
    use_remote_address: because(
      'Envoy is what clients reach: who calls is who has the connection, whatever they say of themselves. x-forwarded-proto is overwritten.',
      true,
    ),
    xff_num_trusted_hops: trustedHops,
    internal_address_config: because(
      'Nobody may tell Envoy by headers (x-envoy-…) how to route or retry: an address that no client has. None at all would mean every private one.',
      { cidr_ranges: [{ address_prefix: '255.255.255.255', prefix_len: 32 }] },
    ),
  };
}

/** How long is waited for what. */
const patience: Record<string, Configuration> = {
  stream_idle_timeout: because(
    'For calls whose route says nothing else: neither side sends, or a client does not read the end of what it asked for.',
    '30s',
  ),
  request_headers_timeout: '10s',
  common_http_protocol_options: { idle_timeout: '300s', headers_with_underscores_action: 'REJECT_REQUEST' },
  drain_timeout: because("Longer than a gateway's whole drain (10 s).", '15s'),
  max_request_headers_kb: maxHeadersKb,
};

/** One spelling of each path, so that no other spelling of one that is hidden gets through. */
const paths: Record<string, Configuration> = {
  normalize_path: true,
  merge_slashes: true,
  path_with_escaped_slashes_action: 'REJECT_REQUEST',
  proxy_100_continue: because('A gateway may refuse an upload before its body is sent.', true),
};

function filter(name: string, type: string, settings: Record<string, Configuration> = {}): Configuration {
  return { name, typed_config: { '@type': `type.googleapis.com/${type}`, ...settings } };
}
