import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { connectTimeoutMs, maxAttempts, maxSockets } from './limits.ts';

export interface EndpointSettings {
  /** As servers reach it, without a slash at its end; '': AWS, in the region. */
  readonly endpoint: string;
  /** As clients reach it; '': the same. */
  readonly publicEndpoint: string;
  readonly region: string;
  /** undefined: the SDK looks for them. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
}

/** Two ways to the same S3. */
export interface Clients extends Disposable {
  readonly server: S3Client;
  /** Only signs: the host is part of what is signed, so URLs for clients are signed for the host that clients see. */
  readonly signing: S3Client;
}

export function openClients(settings: EndpointSettings): Clients {
  const server = clientFor(settings, settings.endpoint);
  const signing = clientFor(settings, settings.publicEndpoint || settings.endpoint);
  return {
    server,
    signing,
    [Symbol.dispose]() {
      server.destroy();
      signing.destroy();
    },
  };
}

function clientFor({ region, credentials }: EndpointSettings, endpoint: string): S3Client {
  const agent = { maxSockets, keepAlive: true };
  const config: S3ClientConfig = {
    region,
    // By default the SDK adds a checksum of its own: in a URL, that of an empty body.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts,
    // StallTimeout watches over the rest, and the queue for a connection is part of what it watches over.
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      socketAcquisitionWarningTimeout: 2 ** 31 - 1,
      httpAgent: agent,
      httpsAgent: agent,
    },
  };
  // The SDK writes into the object it is given, and the configuration's is frozen.
  if (credentials !== undefined) config.credentials = { ...credentials };
  // Servers of one's own have no host name for each bucket.
  return new S3Client(endpoint === '' ? config : { ...config, endpoint, forcePathStyle: true });
}
