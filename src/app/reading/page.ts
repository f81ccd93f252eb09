import { mediaOf, textOf } from '../../domain/conversation/events.ts';
import { utf8Length } from '../../domain/conversation/utf8.ts';
import { Refused } from '../../domain/errors/catalogue.ts';
import { defaultPageSize, maxPageBytes, maxPageSize } from '../../domain/limits.ts';
import type { HistoryMessage, HistoryPage, HistoryPlace } from '../../ports/history.ts';

/** What a media part takes on the wire, at most: its signed URL is most of it. */
const mediaPartBytes = 2_048;

/** How many items a request for `pageSize` gets (AIP-158): 0 is the default, more than the maximum is cut. Throws PAGE_TOKEN_INVALID. */
export function effectivePageSize(pageSize: number): number {
  if (pageSize < 0) {
    throw new Refused('PAGE_TOKEN_INVALID', 'page_size must not be negative', {
      violations: [{ field: 'page_size', description: '0 or more' }],
    });
  }
  return pageSize === 0 ? defaultPageSize : Math.min(pageSize, maxPageSize);
}

/** The token for the page after this place; only the list of the same name and arguments takes it. */
export function pageToken(list: string, place: HistoryPlace | null): string {
  if (place === null) return '';
  return btoa(encodeURIComponent(JSON.stringify([list, place.order, place.id])));
}

/** The place that a token names; undefined for no token. Throws PAGE_TOKEN_INVALID for one of another list. */
export function placeOfToken(list: string, token: string): HistoryPlace | undefined {
  if (token === '') return undefined;
  const place = parseToken(token);
  if (place !== undefined && place.list === list) return place;
  throw new Refused('PAGE_TOKEN_INVALID', undefined, {
    violations: [
      { field: 'page_token', description: '`next_page_token` of the page before, with the same other arguments' },
    ],
  });
}

function parseToken(token: string): (HistoryPlace & { readonly list: string }) | undefined {
  try {
    const parsed: unknown = JSON.parse(decodeURIComponent(atob(token)));
    if (!Array.isArray(parsed) || parsed.length !== 3) return undefined;
    const [list, order, id] = parsed as unknown[];
    if (typeof list !== 'string' || typeof id !== 'string') return undefined;
    return typeof order === 'number' || typeof order === 'string' ? { list, order, id } : undefined;
  } catch {
    // Not base64, not UTF-8 or not JSON: it is no token of ours, which is what undefined says.
    return undefined;
  }
}

/** Long messages, or much media, make a short page: the rest comes with the next token. `orderOf`: what the list is ordered by. */
export function cutToBytes<M extends HistoryMessage>(
  { items, next }: HistoryPage<M>,
  orderOf: (message: M) => number,
): HistoryPage<M> {
  let bytes = 0;
  const over = items.findIndex(({ parts }) => {
    bytes += utf8Length(textOf(parts)) + mediaPartBytes * mediaOf(parts).length;
    return bytes > maxPageBytes;
  });
  if (over < 1) return { items, next };
  const kept = items.slice(0, over);
  const last = kept.at(-1);
  return { items: kept, next: last === undefined ? next : { order: orderOf(last), id: last.messageId } };
}
