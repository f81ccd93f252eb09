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

/** The events of the `spending` topic. */
export type SpendingEvent = PriceListSet;
