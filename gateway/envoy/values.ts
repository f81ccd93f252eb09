/** A port of a host, by name or address. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** One gateway, or a name that resolves to all of them. */
export interface GatewayHost {
  readonly host: string;
  readonly grpcPort: number;
  readonly httpPort: number;
}

/** Where Envoy finds its certificate. Absolute paths. */
export interface TlsFiles {
  /** The file that certificate.yaml is written to, which names the others. */
  readonly file: string;
  /** The folder of certificate and key: `tls.crt` and `tls.key`, PEM. */
  readonly folder: string;
}

/** How Envoy knows gateways that end TLS themselves (PARLEY_TLS_CERT_FILE). */
export interface GatewayTls {
  /** The authority of their certificates, PEM, read at the start. Absolute path. */
  readonly authorityFile: string;
  /** The DNS name that each certificate has. */
  readonly name: string;
}

/** A media store that clients reach through Envoy, at the page's own origin: PARLEY_S3_PUBLIC_ENDPOINT is that of Envoy. */
export interface MediaStore extends Endpoint {
  /** PARLEY_S3_BUCKET of the gateways. */
  readonly bucket: string;
}

/** What one deployment's Envoy differs in from another's. */
export interface EnvoyValues {
  /** Where clients reach it: gRPC, gRPC-Web and the web client on one port. */
  readonly listen: Endpoint;
  /** Where Prometheus reads `/metrics`, and whoever else reaches it. */
  readonly statistics: Endpoint;
  /** For health checks. It can also stop Envoy, and asks nobody who he is: loopback only. */
  readonly admin: Endpoint;
  /** undefined: without TLS. */
  readonly tls: TlsFiles | undefined;
  /** Browsers that have come by TLS come to all subdomains by TLS alone, too, for a year: only where each of them speaks TLS. */
  readonly hstsSubdomains: boolean;
  /** Names and addresses under which clients reach it, without a port; `*` is any, or any beginning of one (`*.example.org`). All else is answered with 404. */
  readonly hosts: readonly string[];
  /** Proxies before Envoy, each of which appends to `x-forwarded-for`. More than there are would let clients choose their addresses. */
  readonly trustedHops: number;
  readonly gateways: readonly GatewayHost[];
  /** undefined: they are spoken to without TLS, on a network that nobody else reaches. */
  readonly gatewayTls: GatewayTls | undefined;
  /** undefined: clients reach it elsewhere, by HTTPS where the page comes by HTTPS. */
  readonly mediaStore: MediaStore | undefined;
  /** Pages of other origins that may call, as browsers name them (`https://chat.example.org`). The web client that Envoy serves needs none. */
  readonly origins: readonly string[];
  /** PARLEY_HEARTBEAT_INTERVAL_MS of the gateways. */
  readonly heartbeatMs: number;
  /** Calls and requests of one address (of one /64 network, by IPv6): so many a second for ever, so many at once. */
  readonly rateLimit: RateLimit;
  /** Of these, calls without a token, which only calls that sign in (AccountService) may lack. undefined: calls need none. */
  readonly rateLimitWithoutToken: RateLimit | undefined;
}

interface RateLimit {
  readonly perSecond: number;
  readonly burst: number;
}

/** Where no deployment differs. */
const common = {
  admin: { host: '127.0.0.1', port: 9901 },
  statistics: { host: '0.0.0.0', port: 9902 },
  tls: undefined,
  // Of other names of a domain only who has it can tell.
  hstsSubdomains: false,
  // A page under another name has no token, nor with TLS a certificate.
  hosts: ['*'],
  trustedHops: 0,
  gatewayTls: undefined,
  mediaStore: undefined,
  origins: [],
  heartbeatMs: 15_000,
  // An office behind one address: 50 clients that all load the page at once, or send once a second and list their conversations.
  rateLimit: { perSecond: 200, burst: 2_000 },
  // The same office signs in within half a minute.
  rateLimitWithoutToken: { perSecond: 2, burst: 20 },
} satisfies Partial<EnvoyValues>;

/** Before one `npm start` on this machine. */
export const localValues: EnvoyValues = {
  ...common,
  listen: { host: '127.0.0.1', port: 8090 },
  rateLimitWithoutToken: undefined,
  statistics: { host: '127.0.0.1', port: 9902 },
  // Calls of `npm start` need no token, so a name that a stranger has had pointed to this machine (DNS rebinding) must lead nowhere.
  hosts: ['localhost', '*.localhost', '127.0.0.1', '[::1]'],
  gateways: [{ host: '127.0.0.1', grpcPort: 50051, httpPort: 8080 }],
  // Where Vite serves the web client while somebody works on it.
  origins: ['http://localhost:5173', 'http://127.0.0.1:5173'],
};

/** In deploy/compose.yaml. */
export const composeValues: EnvoyValues = {
  ...localValues,
  listen: { host: '0.0.0.0', port: 50051 },
  statistics: common.statistics,
  // Accounts: calls need a token, which a page under another name has not.
  hosts: common.hosts,
  rateLimitWithoutToken: common.rateLimitWithoutToken,
  gateways: [
    { host: 'gateway-1', grpcPort: 50051, httpPort: 8080 },
    { host: 'gateway-2', grpcPort: 50051, httpPort: 8080 },
  ],
};

/** In production: deploy/kubernetes/envoy has it as it is, and any other takes it with values of its own. */
export const productionValues = {
  ...common,
  listen: { host: '0.0.0.0', port: 8443 },
  tls: { file: '/etc/envoy/certificate.yaml', folder: '/certificates' },
  gateways: [{ host: 'parley-gateways', grpcPort: 50051, httpPort: 8080 }],
} satisfies EnvoyValues;

/** In deploy/compose.tls.yaml. */
export const composeTlsValues = {
  ...productionValues,
  gateways: composeValues.gateways,
  mediaStore: { host: 's3', port: 7070, bucket: 'parley-media' },
} satisfies EnvoyValues;
