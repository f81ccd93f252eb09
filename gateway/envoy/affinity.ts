import type { Configuration } from './noted.ts';

/** The header that says which gateway holds a session. */
export const affinityHeader = 'x-parley-gateway';

const filter = 'envoy.filters.http.stateful_session';
const proto = 'type.googleapis.com/envoy.extensions.filters.http.stateful_session.v3';

/**
 * A session lives in one gateway, and another answers SESSION_NOT_FOUND to its unary calls. So Envoy answers Open with a header that names the gateway
 * (its address and port in base64), and a call that carries it goes there. It is no more than a wish: addresses that are no gateway's are not
 * followed, and when the gateway is gone the call goes to another one, whose SESSION_NOT_FOUND makes the client resume.
 */
export const affinity: Record<string, Configuration> = {
  [filter]: {
    '@type': `${proto}.StatefulSessionPerRoute`,
    stateful_session: {
      session_state: {
        name: 'envoy.http.stateful_session.header',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState',
          name: affinityHeader,
        },
      },
    },
  },
};

/** The filter itself does nothing: the routes of sessions say what it does there. */
export const affinityFilter: Configuration = { name: filter, typed_config: { '@type': `${proto}.StatefulSession` } };
