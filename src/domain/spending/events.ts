/** What a model takes for its work, in millionths of the currency (micro-units). Whole numbers from 0 on. */
export interface UnitPrices {
  /** For a million tokens that are sent. */
  readonly inputPerMillion: number;
  /** For a million of them that the provider has in its cache. */
  readonly cachedInputPerMillion: number;
  /** For a million tokens that come back, those of reasoning included. */
  readonly outputPerMillion: number;
  /** For a minute of sound that is listened to. */
  readonly soundInPerMinute: number;
  readonly soundOutPerMinute: number;
  /** For each picture that is sent. */
  readonly pictureIn: number;
  readonly pictureOut: number;
}

/** The prices of a provider's model. */
export interface ModelPrices {
  readonly provider: string;
  readonly model: string;
  readonly prices: UnitPrices;
}

/** The prices of a call to a model. */
export interface CallPrices {
  /** Of the list that they are from. */
  readonly version: number;
  readonly prices: UnitPrices;
}

/** What an attempt cost, and the list by which. */
export interface Cost {
  /** Millionths of the currency. */
  readonly microUnits: number;
  readonly priceVersion: number;
}

/** An operator has set prices. In force from here on, unless the currency is another than that of the first list. */
export interface PriceListSet {
  readonly type: 'PriceListSet';
  readonly listId: string;
  /** Client id of the operator; '' where nobody is asked who they are. */
  readonly setBy: string;
  /** ISO 4217, for example `EUR`. */
  readonly currency: string;
  /** Each model at most once. Models that are not named have no price. */
  readonly prices: readonly ModelPrices[];
}

/** Over which time a budget is, of UTC and by the log's time; each begins anew. */
export const budgetPeriods = ['minute', 'hour', 'day', 'month'] as const;
export type BudgetPeriod = (typeof budgetPeriods)[number];

/** What a budget counts: messages that are accepted, tokens that models take and give, or their cost in micro-units. */
export const budgetUnits = ['messages', 'tokens', 'cost'] as const;
export type BudgetUnit = (typeof budgetUnits)[number];

/** What replies used, or may use. Cost in micro-units. */
export type Spend = Readonly<Record<Exclude<BudgetUnit, 'messages'>, number>>;

/** Who says something, as budgets know them. */
export interface Spender {
  readonly clientId: string;
  /** Absent: none. */
  readonly group?: string | undefined;
}

/**
 * Whose messages a budget counts: `all` clients' together, those of a `group` together, `each` client's by itself, or one `client`'s, which has it instead of
 * the one of `each` over the same time.
 */
export type BudgetScope =
  | { readonly kind: 'all' }
  | { readonly kind: 'group'; readonly group: string }
  | { readonly kind: 'each' }
  | { readonly kind: 'client'; readonly clientId: string };

/** An operator has set a budget, in force for what comes behind it in the topic. */
export interface BudgetSet {
  readonly type: 'BudgetSet';
  /** As in PriceListSet. */
  readonly setBy: string;
  readonly scope: BudgetScope;
  readonly period: BudgetPeriod;
  readonly unit: BudgetUnit;
  /** So many of the unit. Absent: there is no such budget any more. */
  readonly amount?: number;
}

/** What the replies to a message may use: the fold grants the most, or half of what its budgets have left, but at least the least. */
export interface ReservationWish {
  readonly least: Spend;
  readonly most: Spend;
  /** Where the message is to stand, and from which offset on. */
  readonly partition: number;
  readonly fromOffset: number;
}

/**
 * Whether a message keeps all budgets is asked, by its gateway, or by its worker once more; the fold decides. One that was granted is granted for good,
 * unless its reservation is released.
 */
export interface MessageBudgeted extends Spender {
  readonly type: 'MessageBudgeted';
  readonly messageId: string;
  /** Absent: no budget counts more than messages, as far as the topic was read. */
  readonly reserve?: ReservationWish;
}

/** A message has its end: what its replies used takes the place of what was reserved. Once more it says nothing new. */
export interface MessageSettled {
  readonly type: 'MessageSettled';
  readonly messageId: string;
  readonly used: Spend;
}

/** A message never came into the log. */
export interface ReservationReleased {
  readonly type: 'ReservationReleased';
  readonly messageId: string;
  /** The offset at which it was granted: a later one of the same message stays. */
  readonly grantOffset: number;
}

/** The events of the `spending` topic. */
export type SpendingEvent = PriceListSet | BudgetSet | MessageBudgeted | MessageSettled | ReservationReleased;
