import type { SignedIn } from '../../client/app.ts';

/** What to call whoever is at the page. Where nobody signs in, a browser has an id that tells nobody anything. */
export function nameOf({ userName, clientId, canSignOut }: SignedIn): string {
  if (!canSignOut && /^(?:web-|$)/.test(clientId)) return 'This browser';
  return userName || clientId;
}
