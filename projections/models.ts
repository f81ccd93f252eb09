import { activeConnectionsProjection } from './active-connections/project.ts';
import type { Projection } from './engine/projection.ts';
import { historyProjection } from './history/project.ts';

/** All read models. */
export const projections: readonly Projection[] = [
  historyProjection as Projection,
  activeConnectionsProjection as Projection,
];

/**
 * The group in which projectors share the partitions. Those of a release that makes other read models have one of their own, and fold everything: while
 * an upgrade replaces processes, each release has its read models whole.
 */
export function projectorGroupOf(prefix: string): string {
  const versions = projections.flatMap(({ collections }) => collections.map(({ version }) => version));
  return `${prefix}.projectors.${versions.join('-')}`;
}
