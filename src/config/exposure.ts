import type { AuthConfig, Config } from './config.ts';
import { isLoopback, type ListenAddress } from './value-types.ts';

/** A range of more IPv4 addresses than this prefix leaves, or of more IPv6 networks, holds more than the proxies of a deployment. */
const widestIpv4Prefix = 16;
const widestIpv6Prefix = 48;

/** One line of what a configuration exposes: of what, and how it is. */
type Line = readonly [what: string, how: string];

/** What a configuration opens to whom, for a person to read: a line for each of it, then a warning for each that a deployment should not have. */
export function describeExposure(config: Config): string {
  const lines = [
    ...listeners(config),
    ['clients', clientsOf(config.auth)] as const,
    ['sign-up', signUpOf(config.auth)] as const,
    ['TLS', tlsOf(config)] as const,
    ['contract', config.reflection ? 'shown by reflection and /docs' : 'not shown'] as const,
    ['web pages', ['its own', ...config.webOrigins].join(', ')] as const,
    ['proxies', proxiesOf(config)] as const,
    ...(config.roles.includes('worker') ? [['model', modelOf(config.provider)] as const] : []),
    ...enginesOf(config),
  ];
  const width = Math.max(...lines.map(([what]) => what.length));
  const told = lines.map(([what, how]) => `${what.padEnd(width)}  ${how}\n`);
  return [...told, ...warningsOf(config).map((warning) => `warning: ${warning}\n`)].join('');
}

function listeners({ roles, grpcListen, httpListen, tls }: Config): readonly Line[] {
  const reachOf = (listen: ListenAddress) => {
    const from = isLoopback(listen)
      ? 'this machine alone'
      : `other machines${tls === undefined ? ' in plain text' : ''}`;
    return `${listen.host}:${listen.port}, reached from ${from}`;
  };
  const http: Line = ['HTTP', reachOf(httpListen)];
  return roles.includes('gateway') ? [['gRPC', reachOf(grpcListen)], http] : [http];
}

function clientsOf(auth: AuthConfig): string {
  switch (auth.kind) {
    case 'none':
      return 'not authenticated: each names itself';
    case 'accounts':
      return 'sign in with accounts of this deployment';
    case 'oidc':
      return `show tokens of ${auth.issuer} for ${auth.audience}`;
    default:
      return auth satisfies never;
  }
}

function signUpOf(auth: AuthConfig): string {
  if (auth.kind !== 'accounts') return 'not available';
  return auth.signUpOpen
    ? `open to anybody, ${auth.signUpsPerAddress} accounts an hour for each address at each gateway`
    : 'closed: `parley user add` makes accounts';
}

function tlsOf({ tls, isTlsEndedByProxy }: Config): string {
  if (tls === undefined) return isTlsEndedByProxy ? 'ends at a proxy: let nobody reach the ports past it' : 'none';
  const asked = tls.clientCaFile === '' ? '' : `; gRPC clients show a certificate of ${tls.clientCaFile}`;
  return `on both ports, by ${tls.certFile}${asked}`;
}

function proxiesOf({ trustedProxies, trustedHops }: Config): string {
  if (trustedProxies.length === 0) return 'none trusted';
  const last = trustedHops === 1 ? 'the last address' : `at most the last ${trustedHops} addresses`;
  return `${trustedProxies.join(', ')}: ${last} of x-forwarded-for`;
}

/** The model that answers, and where it is; no credentials. */
export function modelOf(provider: Config['provider']): string {
  if (provider.kind === 'simulated') return 'simulated, in this process';
  const { origin, pathname } = new URL(provider.baseUrl);
  return `${provider.model} at ${origin}${pathname}`;
}

/** Which engines of other machines are spoken to so that whoever is on the way can read it. */
function enginesOf({ distributed }: Config): readonly Line[] {
  if (distributed === undefined) return [];
  const { kafka, mongodbUri, accountsMongodbUri, natsServers, s3 } = distributed;
  const addresses: readonly (readonly [string, readonly string[]])[] = [
    ['Kafka', kafka.brokers.map((broker) => `${kafka.tls ? 'tls' : 'plain'}://${broker}`)],
    ['MongoDB', [mongodbUri, accountsMongodbUri]],
    ['NATS', natsServers],
    ['S3', [s3.endpoint]],
  ];
  const readable = addresses.filter(([, urls]) => urls.some(isPlainText)).map(([engine]) => engine);
  return [['engines', readable.length === 0 ? 'by TLS, or on this machine' : `in plain text: ${readable.join(', ')}`]];
}

/** Whether a URL leads to another machine without TLS. */
function isPlainText(url: string): boolean {
  if (url === '' || /^(https|tls|mongodb\+srv):/.test(url) || /[?&](tls|ssl)=true(&|$)/.test(url)) return false;
  const [, hosts = ''] = /^\w+:\/\/(?:[^@/]*@)?([^/?]*)/.exec(url) ?? [];
  return !hosts
    .split(',')
    .every((host) => isLoopback({ host: host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1'), port: 0 }));
}

/** One sentence each. */
function warningsOf(config: Config): readonly string[] {
  const wide = config.trustedProxies.filter(isWide);
  const proxies = wide.map(
    (range) => `${range} is wide: whoever has one of its addresses and reaches a port chooses what it is counted by`,
  );
  const secrets = config.unusedSecrets.map(
    (name) => `${name}: no role of this process (${config.roles.join()}) uses this secret; do not give it one`,
  );
  return [...(isLocal(config) ? [] : openWarnings(config)), ...proxies, ...secrets, ...secretsAtRisk(config)];
}

/** Secrets that more can read than need them. */
function secretsAtRisk({ roles, auth, distributed, provider }: Config): readonly string[] {
  const relations: readonly (readonly [boolean, string])[] = [
    [
      roles.includes('gateway') &&
        auth.kind === 'accounts' &&
        distributed !== undefined &&
        distributed.accountsMongodbUri === distributed.mongodbUri,
      'without PARLEY_ACCOUNTS_MONGODB_URI workers and projectors can read the database of passwords and signing keys',
    ],
    [
      provider.kind === 'openai' && provider.apiKey !== '' && isPlainText(provider.baseUrl),
      'PARLEY_OPENAI_BASE_URL without TLS: PARLEY_OPENAI_API_KEY and messages can be read on the way',
    ],
  ];
  return relations.filter(([holds]) => holds).map(([, sentence]) => sentence);
}

/** Whether only this machine reaches what the roles listen on. */
function isLocal({ roles, grpcListen, httpListen }: Config): boolean {
  return isLoopback(httpListen) && (!roles.includes('gateway') || isLoopback(grpcListen));
}

function openWarnings({ roles, auth, tls, isTlsEndedByProxy, reflection, httpListen }: Config): readonly string[] {
  const metrics = '/metrics asks nobody who he is: let only Prometheus and the proxy reach the HTTP port';
  const relations: readonly (readonly [boolean, string])[] = [
    [auth.kind === 'none', 'PARLEY_ALLOW_INSECURE: other machines are let in without any proof of who they are'],
    [
      tls === undefined && !isTlsEndedByProxy,
      'without TLS passwords, tokens and messages can be read on the way; PARLEY_TLS_TERMINATION=proxy where a proxy ends it',
    ],
    [auth.kind === 'accounts' && auth.signUpOpen, 'PARLEY_SIGN_UP=open: whoever reaches a port makes accounts'],
    [reflection, 'PARLEY_REFLECTION: whoever reaches a port is shown the contract'],
  ];
  const told = roles.includes('gateway') ? relations.filter(([holds]) => holds).map(([, sentence]) => sentence) : [];
  return isLoopback(httpListen) ? told : [...told, metrics];
}

function isWide(range: string): boolean {
  const [address = '', prefix] = range.split('/');
  if (prefix === undefined) return false;
  return Number(prefix) < (address.includes(':') ? widestIpv6Prefix : widestIpv4Prefix);
}
