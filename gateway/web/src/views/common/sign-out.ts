import type { App } from '../../client/app.ts';

/** The next who signs in here does not begin with the address of somebody else's conversation. */
export async function signOut(app: App): Promise<void> {
  await app.signIn.signOut();
  location.hash = '#/';
}
