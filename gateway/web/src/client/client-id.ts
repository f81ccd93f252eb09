import type { Kept } from './kept.ts';

/** Who this browser is where nobody signs in: chosen once, and the same for all its tabs. */
export function chosenClientId(kept: Kept): string {
  const known = kept.read('clientId');
  if (typeof known === 'string' && known !== '') return known;
  const clientId = `web-${crypto.randomUUID()}`;
  kept.write('clientId', clientId);
  return clientId;
}
