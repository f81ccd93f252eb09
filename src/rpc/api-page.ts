import { readFile } from 'node:fs/promises';

/** Where `npm start` listens for gRPC: in every example of the page as it is generated. */
const defaultAddress = '127.0.0.1:50051';

/**
 * The page of the API as the server shows it: one HTML document, written from the .proto files by `npm run generate`. Rejects when it is not there.
 * @param grpcAddress for the examples: where this server listens, as host:port. Of one that listens on every address, the loopback one
 */
export async function apiPage(grpcAddress = defaultAddress): Promise<string> {
  // A build has a copy at the same place.
  const page = await readFile(new URL('../../docs/api.html', import.meta.url), 'utf8');
  return page.replaceAll(defaultAddress, grpcAddress.replace(/^(?:0\.0\.0\.0|\[?::\]?)(?=:\d+$)/, '127.0.0.1'));
}
