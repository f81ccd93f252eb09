import { parseEnv } from 'node:util';
import { parse } from 'yaml';

/** What is looked at of a service of a compose file. */
export interface ComposeService {
  readonly image?: string;
  readonly env_file?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly volumes?: readonly string[];
  /** Their names, or by name what the service has there. */
  readonly networks?: readonly string[] | Readonly<Record<string, { readonly ipv4_address?: string }>>;
  readonly ports?: readonly string[];
  readonly profiles?: readonly string[];
  readonly restart?: string;
  readonly command?: readonly string[];
  readonly stop_grace_period?: string;
  readonly user?: string;
  readonly read_only?: boolean;
  readonly tmpfs?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly deploy?: { readonly replicas?: number };
}

export interface ComposeNetwork {
  readonly internal?: boolean;
  readonly ipam?: { readonly config: readonly { readonly subnet: string; readonly ip_range: string }[] };
}

export interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly networks: Readonly<Record<string, ComposeNetwork>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

/**
 * A compose file with its merges done and its variables filled in. `${A:-b}` and `${A:?problem}` count an empty value as none, as Docker does.
 * Throws the problem of each variable that must have a value.
 */
export function readCompose(text: string, variables: Readonly<Record<string, string>>): Compose {
  return filledIn(parse(text, { merge: true }), variables) as Compose;
}

function filledIn(value: unknown, variables: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') return interpolated(value, variables);
  if (Array.isArray(value)) return value.map((item) => filledIn(item, variables));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, filledIn(inner, variables)]));
}

function interpolated(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name: string, kind?: string, rest = '') => {
    const value = variables[name] ?? '';
    if (value !== '') return value;
    if (kind === '?') throw new Error(`${name}: ${rest}`);
    return kind === '-' ? rest : '';
  });
}

/** The names of the networks that a service is in. */
export function networksOf({ networks = [] }: ComposeService): readonly string[] {
  return Array.isArray(networks) ? networks : Object.keys(networks);
}

/** The environment that a container of the service gets: that of its files, then its own. `read` gives a file beside the compose file. */
export function environmentOf(service: ComposeService, read: (path: string) => string): Record<string, string> {
  const files = (service.env_file ?? []).map((path) => parseEnv(read(path)));
  const own = Object.entries(service.environment ?? {}).map(([name, value]) => [name, String(value)]);
  return Object.assign({}, ...files, Object.fromEntries(own));
}
