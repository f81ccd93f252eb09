import { allItems, type Page, type PageRequest } from '../client/pages.ts';
import type { Parley } from '../client/parley.ts';
import type { CommonOptions, Surroundings } from './common-options.ts';
import { connect } from './endpoint.ts';
import { identify } from './identity.ts';
import { jsonLine } from './show.ts';

/** Of a command that lists. */
export interface ListOptions extends CommonOptions {
  readonly json?: true;
  readonly limit?: number;
}

/** What is listed, and how it is shown. */
interface List<Item> {
  readonly fetch: (parley: Parley, page: PageRequest) => Promise<Page<Item>>;
  /** What of an item is JSON. */
  readonly fields: (item: Item) => object;
  /** Where there is none. */
  readonly none: string;
  readonly table: (items: readonly Item[], timeZone: string) => string;
}

/** Prints all items of a list: as a table, or as a JSON object a line. @throws Refusal */
export async function list<Item>(options: ListOptions, surroundings: Surroundings, of: List<Item>): Promise<void> {
  const { json, limit, timeZone } = options;
  using parley = connect(identify(options, surroundings).endpoint);
  const items = await Array.fromAsync(allItems({ limit }, (page) => of.fetch(parley, page)));
  if (json) process.stdout.write(items.map((item) => jsonLine(of.fields(item))).join(''));
  else process.stdout.write(items.length === 0 ? `${of.none}\n` : of.table(items, timeZone));
}
