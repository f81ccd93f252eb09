import type { Configuration } from './noted.ts';

const file = 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog';

/** One line of JSON for each call, when it ends. Neither tokens nor queries: the URLs of media are signed in theirs. */
export const accessLog: Configuration = {
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
