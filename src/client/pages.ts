/** As many as one answer should hold. */
const PAGE_SIZE = 100;

/** How much of a list. */
export interface ListOptions {
  /** Default: all. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One page of a list, as AIP-158 has it. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

/** Which page is to be fetched. */
export interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

/**
 * All items of a paged list, at most `limit`, fetched page by page as they are consumed.
 * @param fetch a call of the list's method
 */
export async function* allItems<Item>(
  { limit = Infinity, signal }: ListOptions,
  fetch: (page: PageRequest, call: { readonly signal?: AbortSignal | undefined }) => Promise<Page<Item>>,
): AsyncGenerator<Item, void, void> {
  let pageToken = '';
  let left = limit;
  do {
    const page = await fetch({ pageSize: Math.min(left, PAGE_SIZE), pageToken }, { signal });
    yield* page.items.slice(0, left);
    left -= page.items.length;
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && left > 0);
}
