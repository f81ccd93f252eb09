/** As many as one answer should hold. */
const PAGE_SIZE = 100;

/** One page of a list, as AIP-158 has it. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

/** All items of a paged list, at most `limit`, fetched page by page as they are consumed. */
export async function* allItems<Item>(
  limit: number,
  fetch: (pageSize: number, pageToken: string) => Promise<Page<Item>>,
): AsyncGenerator<Item, void, void> {
  let pageToken = '';
  let left = limit;
  do {
    const page = await fetch(Math.min(left, PAGE_SIZE), pageToken);
    yield* page.items.slice(0, left);
    left -= page.items.length;
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && left > 0);
}
