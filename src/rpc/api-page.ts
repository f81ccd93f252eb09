import { readFile } from 'node:fs/promises';

/** The page of the API as the server shows it: one HTML document, written from the .proto files by `npm run generate`. Rejects when it is not there. */
export function apiPage(): Promise<string> {
  // A build has a copy at the same place.
  return readFile(new URL('../../docs/api.html', import.meta.url), 'utf8');
}
