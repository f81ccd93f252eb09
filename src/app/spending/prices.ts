import { Refused } from '../../domain/errors/catalogue.ts';
import type { ModelPrices } from '../../domain/spending/events.ts';
import { areSamePrices, currencyOf, type PriceList } from '../../domain/spending/prices.ts';
import { type Caller, requireOperator } from '../caller.ts';
import { operatorOf, type SecurityRecorder } from '../security/security-recorder.ts';
import type { SpendingBook } from './spending-book.ts';

export interface PricesDeps {
  readonly book: SpendingBook;
  readonly security: Pick<SecurityRecorder, 'record'>;
}

type Violation = Refused['violations'][number];

/** Models of one list. */
const maxModels = 200;
/** Characters of a provider's or a model's name. */
const maxNameLength = 200;
/** A million of the currency, in micro-units. */
const maxPrice = 1_000_000_000_000;

/** Lists of prices, for operators. */
export class Prices {
  readonly #deps: PricesDeps;

  constructor(deps: PricesDeps) {
    this.#deps = deps;
  }

  /**
   * Sets prices for the calls that begin from now on; those that are in force already are not set again. Throws OPERATOR_REQUIRED, FRAME_INVALID; rejects
   * with LogUnavailable.
   */
  async set(caller: Caller, currency: string, prices: readonly ModelPrices[]): Promise<PriceList> {
    requireOperator(caller);
    const { book, security } = this.#deps;
    const violations = [...currencyViolations(currency), ...priceViolations(prices)];
    if (violations.length > 0) throw new Refused('FRAME_INVALID', 'the price list is invalid', { violations });
    const inForce = book.lists.at(-1);
    if (inForce !== undefined && isSame(inForce, { currency, prices })) return inForce;
    const list = await book.setPrices(caller.kind === 'client' ? caller.clientId : '', currency, prices);
    if (list === undefined) {
      const description = `all costs are in ${currencyOf(book.lists)}`;
      throw new Refused('FRAME_INVALID', 'the price list is invalid', {
        violations: [{ field: 'currency', description }],
      });
    }
    await security.record({ kind: 'prices_set', ...operatorOf(caller), detail: `version ${list.version}` });
    return list;
  }

  /** ISO 4217, of all costs; '': prices were never set. */
  get currency(): string {
    return currencyOf(this.#deps.book.lists) ?? '';
  }

  /** Version 0: the one in force. Throws OPERATOR_REQUIRED, NOT_FOUND. */
  get(caller: Caller, version: number): PriceList {
    requireOperator(caller);
    const { lists } = this.#deps.book;
    const list = version === 0 ? lists.at(-1) : lists[version - 1];
    if (list !== undefined) return list;
    throw new Refused('NOT_FOUND', version === 0 ? 'no prices are set' : `there is no price list ${version}`);
  }
}

function currencyViolations(currency: string): readonly Violation[] {
  return /^[A-Z]{3}$/.test(currency)
    ? []
    : [{ field: 'currency', description: 'three capital letters of ISO 4217, for example EUR' }];
}

function priceViolations(prices: readonly ModelPrices[]): readonly Violation[] {
  if (prices.length > maxModels) return [{ field: 'prices', description: `${maxModels} models at most` }];
  const seen = new Set<string>();
  return prices.flatMap(({ provider, model, prices: units }, index) => {
    const at = `prices[${index}]`;
    const key = JSON.stringify([provider, model]);
    const isTwice = seen.has(key);
    seen.add(key);
    const names = Object.entries({ provider, model }).filter(([, name]) => name === '' || name.length > maxNameLength);
    const outOfRange = Object.values(units).some((price) => price < 0 || price > maxPrice);
    return [
      ...names.map(([field]) => ({ field: `${at}.${field}`, description: `1 to ${maxNameLength} characters` })),
      ...(isTwice ? [{ field: at, description: `${provider} ${model} is there twice` }] : []),
      ...(outOfRange ? [{ field: at, description: `every price from 0 to ${maxPrice} micro-units` }] : []),
    ];
  });
}

function isSame(list: PriceList, { currency, prices }: Pick<PriceList, 'currency' | 'prices'>): boolean {
  const isSameModel = (one: ModelPrices, other: ModelPrices | undefined) =>
    one.provider === other?.provider && one.model === other.model && areSamePrices(one.prices, other.prices);
  return (
    list.currency === currency &&
    list.prices.length === prices.length &&
    list.prices.every((one, index) => isSameModel(one, prices[index]))
  );
}
