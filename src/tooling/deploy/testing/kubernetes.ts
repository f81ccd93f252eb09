import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { parse, parseAllDocuments } from 'yaml';
import type { Role } from '../../../config/setting.ts';

// biome-ignore lint/suspicious/noExplicitAny: a manifest's shape is checked by its schema, in kubeconform
export type Manifest = any;

export const kubernetesFolder = fileURLToPath(new URL('../../../../deploy/kubernetes/', import.meta.url));
export const roles: readonly Role[] = ['gateway', 'worker', 'projector'];

export const readKubernetes = (path: string): string => readFileSync(`${kubernetesFolder}${path}`, 'utf8');

/** The manifests of a file. */
export function documentsOf(path: string): Manifest[] {
  return parseAllDocuments(readKubernetes(path)).map((document) => document.toJS({ maxAliasCount: 100 }));
}

export const kustomization: Manifest = parse(readKubernetes('base/kustomization.yaml'));

/** Those of the base. */
export const manifests: readonly Manifest[] = kustomization.resources.flatMap((file: string) =>
  documentsOf(`base/${file}`),
);

/** The Deployment of a role. */
export function deploymentOf(role: Role): Manifest {
  return manifests.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === `parley-${role}`);
}

/** The one container of a role's pods. */
export function containerOf(role: Role): Manifest {
  return deploymentOf(role).spec.template.spec.containers[0];
}

/** What somebody copies, to make the Secret of the role of it. */
export const secretExampleOf = (role: Role): string => readKubernetes(`base/secrets/${role}.env.example`);

/** The environment of a pod of the role, given its settings (default: those of `parley.env`), what is in its Secret (default: the example), and its container. */
export function podEnvironment(
  role: Role,
  given: Readonly<Record<string, string | undefined>> = parseEnv(readKubernetes('base/parley.env')),
  secrets: Readonly<Record<string, string | undefined>> = parseEnv(secretExampleOf(role)),
  container: Manifest = containerOf(role),
): Record<string, string | undefined> {
  const own = container.env.map(({ name, value, valueFrom }: Manifest) => [
    name,
    value ?? (valueFrom.fieldRef.fieldPath === 'metadata.name' ? `parley-${role}-5f6d8c7b9-abcde` : ''),
  ]);
  return { ...given, ...secrets, ...Object.fromEntries(own) };
}

/** The settings of the base as the example changes them. */
export function exampleSettings(): Readonly<Record<string, string | undefined>> {
  const { literals } = parse(readKubernetes('example/kustomization.yaml')).configMapGenerator[0];
  return { ...parseEnv(readKubernetes('base/parley.env')), ...parseEnv(literals.join('\n')) };
}

/** A LabelSelector. */
export interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: 'In'; readonly values: string[] }[];
}

/** Whether it selects the pods of the role. */
export function selectsPods({ matchLabels = {}, matchExpressions = [] }: Selector, role: Role): boolean {
  const { labels } = deploymentOf(role).spec.template.metadata;
  return (
    Object.entries(matchLabels).every(([name, value]) => labels[name] === value) &&
    matchExpressions.every(({ key, values }) => values.includes(labels[key]))
  );
}
