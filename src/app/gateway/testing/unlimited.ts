import type { SessionDeps } from '../session.ts';

/** No budget counts anything. */
export const unlimited: SessionDeps['spending'] = {
  position: 0,
  needsGrant: () => false,
  refusalUnlessGranted: async () => undefined,
  reservationOf: () => undefined,
};
