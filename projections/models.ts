import { activeConnectionsProjection } from './active-connections/project.ts';
import type { Projection } from './engine/projection.ts';
import { historyProjection } from './history/project.ts';

/** All read models. */
export const projections: readonly Projection[] = [
  historyProjection as Projection,
  activeConnectionsProjection as Projection,
];
