import { affinity } from './affinity.ts';
import { corsPolicy, withoutCors } from './cors.ts';
import { because, type Configuration } from './noted.ts';
import type { EnvoyValues } from './values.ts';

/** Heartbeats that may be missed before a long call is taken for dead. More than two: one that is late must not cost a session. */
const missedHeartbeats = 6;
/** No unary call takes longer: the longest waits for history to catch up, 5 s. */
const unaryTimeout = '15s';
/** A PUT or GET of media goes on as long as bytes move. */
const mediaIdleTimeout = '30s';

/** Calls that only read, by the first word of their names: asked twice, they change nothing. */
const reads = '/chat\\.v1\\.\\w+/(Describe|Explain|Get|List|Search)\\w*';

/** Whoever has come once comes by TLS from then on, also when a link says otherwise. */
function alwaysByTls({ hstsSubdomains }: EnvoyValues): Configuration {
  const value = `max-age=31536000${hstsSubdomains ? '; includeSubDomains' : ''}`;
  return { header: { key: 'strict-transport-security', value }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' };
}

/** What gateways believe of where a call comes from. */
const whoCalls: Record<string, Configuration> = {
  request_headers_to_add: because(
    'One address for gateways to believe, instead of a list to which clients have written before.',
    [
      {
        header: { key: 'x-forwarded-for', value: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%' },
        append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
      },
    ],
  ),
  request_headers_to_remove: because(
    'By the first a gateway knows calls of its own HTTP port; the others no gateway reads, and none is to begin to.',
    ['x-parley-door', 'forwarded', 'x-forwarded-host', 'x-forwarded-port', 'x-forwarded-prefix', 'x-real-ip'],
  ),
};

/** Which call goes where, for how long, and how often. */
export function routeConfiguration(values: EnvoyValues): Configuration {
  return {
    name: 'gateways',
    ignore_port_in_host_matching: true,
    ...whoCalls,
    virtual_hosts: [
      {
        name: 'gateways',
        domains: values.hosts,
        typed_per_filter_config: { 'envoy.filters.http.cors': corsPolicy(values.origins) },
        ...(values.tls !== undefined && { response_headers_to_add: [alwaysByTls(values)] }),
        retry_policy: because(
          'Only what cannot have arrived: nobody there, a stream that was refused, a connection that ended before the call was sent.',
          retries('connect-failure,refused-stream,reset-before-request'),
        ),
        routes: [...hidden(), ...grpcRoutes(values), ...httpRoutes()],
      },
    ],
  };
}

/** What the gateways tell those who run them. */
function hidden(): readonly Configuration[] {
  return ['/metrics', '/healthz', '/readyz'].map((path) => ({
    match: { path_separated_prefix: path },
    direct_response: { status: 404 },
  }));
}

function grpcRoutes({ heartbeatMs }: EnvoyValues): readonly Configuration[] {
  const long = {
    cluster: 'gateways',
    timeout: '0s',
    idle_timeout: `${(missedHeartbeats * heartbeatMs) / 1_000}s`,
  };
  const unary = { cluster: 'gateways', timeout: unaryTimeout };
  const chat = '/chat.v1.ChatService/';
  return [
    because(
      "The long calls. More than two of the server's heartbeats, each of which is answered on the stream, and never 0: so a vanished client's stream ends.",
      { match: { path: `${chat}Open` }, route: long, typed_per_filter_config: affinity },
    ),
    { match: { path: `${chat}Chat` }, route: long },
    because('The unary calls of a session that Open began: to the gateway that holds it.', {
      match: { prefix: chat },
      route: unary,
      typed_per_filter_config: affinity,
    }),
    because('Calls that only read are safe to ask again when the answer did not come, or was "not now".', {
      match: { safe_regex: { regex: reads } },
      route: {
        ...unary,
        retry_policy: retries('connect-failure,refused-stream,reset-before-request,reset,unavailable'),
      },
    }),
    ...['/chat.v1.', '/grpc.health.v1.Health/', '/grpc.reflection.'].map((prefix) => ({
      match: { prefix },
      route: unary,
    })),
  ];
}

function httpRoutes(): readonly Configuration[] {
  return [
    because(
      'Media of a gateway that keeps them itself. Nothing is gathered here: bytes pass on as they come, up to 100 MiB of them.',
      {
        match: { prefix: '/media/' },
        route: { cluster: 'pages', timeout: '0s', idle_timeout: mediaIdleTimeout },
        typed_per_filter_config: withoutCors,
      },
    ),
    because('All else: the web client and the page of the API.', {
      match: { prefix: '/' },
      route: { cluster: 'pages', timeout: unaryTimeout, retry_policy: retries('connect-failure,reset') },
      typed_per_filter_config: withoutCors,
    }),
  ];
}

/** Two more tries at another gateway, a little apart. */
function retries(on: string): Configuration {
  const previousHosts = 'envoy.retry_host_predicates.previous_hosts';
  return {
    retry_on: on,
    num_retries: 2,
    retry_back_off: { base_interval: '0.025s', max_interval: '0.25s' },
    retry_host_predicate: [
      {
        name: previousHosts,
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
        },
      },
    ],
    host_selection_retry_max_attempts: because(
      'A gateway that is dead has the fewest requests, and is chosen again and again: until it is known for dead, another must be found by luck.',
      32,
    ),
  };
}
