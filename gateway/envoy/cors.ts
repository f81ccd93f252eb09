import { affinityHeader } from './affinity.ts';
import type { Configuration } from './noted.ts';

const filter = 'envoy.filters.http.cors';
/** What browsers send with calls: gRPC-Web's own, tokens, traces, and where the session is. */
const requestHeaders = [
  'authorization',
  'content-type',
  'grpc-timeout',
  'traceparent',
  'tracestate',
  'x-grpc-web',
  'x-user-agent',
  affinityHeader,
];
const responseHeaders = ['grpc-status', 'grpc-message', 'grpc-status-details-bin', affinityHeader];
const maxAgeS = 7_200;

/** Which pages may call, what they may send and what they may read. */
export function corsPolicy(origins: readonly string[]): Configuration {
  return {
    '@type': 'type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy',
    allow_origin_string_match: origins.map((exact) => ({ exact })),
    allow_methods: 'POST',
    allow_headers: requestHeaders.join(','),
    expose_headers: responseHeaders.join(','),
    max_age: String(maxAgeS),
    forward_not_matching_preflights: false,
  };
}

/** Media have rules of their own, which the gateway answers: whoever has a signed URL may use it from any page. */
export const withoutCors: Record<string, Configuration> = {
  [filter]: { '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig', disabled: true },
};

export const corsFilter: Configuration = {
  name: filter,
  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors' },
};
