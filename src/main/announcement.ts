import { DEFAULT_ADDRESS } from '../cli/common-options.ts';
import type { Config } from '../config/config.ts';
import { modelOf } from '../config/exposure.ts';

/** A command, or a URL, and what it is for. */
type Try = readonly [string, string];

/** Where a server listens, host and port. */
export interface Addresses {
  /** undefined: it takes no clients. */
  readonly grpcAddress: string | undefined;
  readonly httpAddress: string;
}

/** What a server that has started tells: its addresses in one line that scripts wait for, then what works against it as it is configured. */
export function announcement(
  { grpcAddress, httpAddress }: Addresses,
  { auth, tls, reflection, roles, provider }: Pick<Config, 'auth' | 'tls' | 'reflection' | 'roles' | 'provider'>,
  isFromSource: boolean = import.meta.url.endsWith('.ts'),
): string {
  if (grpcAddress === undefined) return `parley is listening: http ${httpAddress}\n`;
  // In an image there is no npm, and nobody reads along.
  if (!isFromSource) return `parley is listening: grpc ${grpcAddress} http ${httpAddress}\n`;
  const at = [
    grpcAddress === DEFAULT_ADDRESS ? '' : ` --address ${grpcAddress}`,
    tls === undefined ? '' : ' --tls',
  ].join('');
  const url = `${tls === undefined ? 'http' : 'https'}://${httpAddress}`;
  const tries: readonly Try[] = [
    ...(takesBrowsers(tls) ? [[`${url}/`, 'talk to it in the browser'] as const] : []),
    ...waysIn(auth, at),
    ['npm run parley -- tail', 'the log, as it grows'],
    [`curl ${url}/metrics`, 'for Prometheus'],
    ...(reflection ? [[`${url}/docs`, 'every call, with an example'] as const] : []),
  ];
  const width = Math.max(...tries.map(([what]) => what.length));
  const answers = roles.includes('worker') && provider.kind !== 'simulated' ? `Answers: ${modelOf(provider)}\n` : '';
  return `parley is listening: grpc ${grpcAddress} http ${httpAddress}
${answers}Try next, in a browser or another terminal:
${tries.map(([what, purpose]) => `  ${what.padEnd(width)}  ${purpose}`).join('\n')}
Ctrl-C stops it; nothing accepted is lost, whatever stops it.
`;
}

/** Not where clients must show a certificate: the HTTP port takes no calls then. */
function takesBrowsers(tls: Config['tls']): boolean {
  return tls === undefined || tls.clientCaFile === '';
}

function waysIn(auth: Config['auth'], at: string): readonly Try[] {
  const talk = `npm run parley -- chat${at}`;
  switch (auth.kind) {
    case 'none':
      return [
        [talk, 'talk to it'],
        [`npm run parley -- usage${at}`, 'its limits, and how much is used'],
      ];
    case 'oidc':
      return [[`${talk} --token-file FILE`, 'talk to it, with an access token of the issuer']];
    case 'accounts': {
      const sign: Try = auth.signUpOpen
        ? [`npm run parley -- sign-up NAME${at}`, 'make an account, and sign in with it']
        : [`npm run parley -- sign-in NAME${at}`, 'sign in'];
      return [
        ['npm run parley -- user add NAME --operator', 'make an account for an operator'],
        sign,
        [talk, 'talk to it'],
      ];
    }
    default:
      return auth satisfies never;
  }
}
