import type { JsonStorage } from './json-storage.ts';
import type { Page } from './page.ts';

/** Who this browser is where nobody signs in: as the address asks (`#/as/ID`, from `parley open`), else chosen once; the same for all its tabs from then on. */
export function chosenClientId(storage: JsonStorage, page: Pick<Page, 'url' | 'replaceUrl'>): string {
  const asked = askedFor(page);
  if (asked !== undefined) storage.write('clientId', asked);
  const known = asked ?? storage.read('clientId');
  if (typeof known === 'string' && known !== '') return known;
  const clientId = `web-${crypto.randomUUID()}`;
  storage.write('clientId', clientId);
  return clientId;
}

/** Taken out of the address, so that a bookmark is of the page alone. */
function askedFor(page: Pick<Page, 'url' | 'replaceUrl'>): string | undefined {
  const url = new URL(page.url());
  const [, asked] = /^#\/as\/(.+)$/.exec(url.hash) ?? [];
  if (asked === undefined) return undefined;
  url.hash = '#/';
  page.replaceUrl(url.href);
  return decodeURIComponent(asked);
}
