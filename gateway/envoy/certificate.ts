import { because, type Configuration } from './noted.ts';
import type { TlsFiles } from './values.ts';

/** The name by which the listener asks for its certificate. */
export const certificateName = 'server';

/**
 * The file that names certificate and key. A file of its own, because only so Envoy reads them again when they are
 * replaced: it watches the folder, and what connects from then on gets the new ones.
 */
export function certificateFile({ folder }: TlsFiles): Configuration {
  return {
    resources: [
      {
        '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
        name: certificateName,
        tls_certificate: {
          certificate_chain: { filename: `${folder}/tls.crt` },
          private_key: { filename: `${folder}/tls.key` },
          watched_directory: because(
            'Replace files by renaming others over them (mv), as Kubernetes and certbot do: Envoy reads a certificate with its key when something here is moved.',
            { path: folder },
          ),
        },
      },
    ],
  };
}

/** TLS as clients meet it: HTTP/2 for those that speak it, HTTP/1.1 for the others. */
export function tlsSocket({ file }: TlsFiles): Configuration {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
      common_tls_context: {
        tls_params: { tls_minimum_protocol_version: 'TLSv1_2' },
        alpn_protocols: because(
          'Without h2 a browser opens six connections at most, and six open chats of one browser would block all else.',
          ['h2', 'http/1.1'],
        ),
        tls_certificate_sds_secret_configs: [
          { name: certificateName, sds_config: { path_config_source: { path: file }, resource_api_version: 'V3' } },
        ],
      },
    },
  };
}
