import type { MessageInitShape } from '@bufbuild/protobuf';
import { parse, YAMLParseError } from 'yaml';
import type { SetPriceListRequestSchema } from '../client/gen/chat/v1/spending_service_pb.js';
import { microUnitsOf } from '../client/money.ts';
import { Trouble } from './trouble.ts';

/** A price list as the contract has it. */
export type PriceListInit = MessageInitShape<typeof SetPriceListRequestSchema>;

/** How prices are called in a file, and their fields. */
const priceFields = {
  input: 'inputPerMillion',
  cached_input: 'cachedInputPerMillion',
  output: 'outputPerMillion',
  sound_in: 'soundInPerMinute',
  sound_out: 'soundOutPerMinute',
  picture_in: 'pictureIn',
  picture_out: 'pictureOut',
} as const;
type PriceName = keyof typeof priceFields;
const priceNames = Object.keys(priceFields) as PriceName[];

/** Those that each model must have. */
const required: readonly PriceName[] = ['input', 'output'];

/** What a YAML file says of prices. Throws Trouble, which names what is wrong and where. */
export function priceListOf(yaml: string): PriceListInit {
  const file = fieldsOf(parsed(yaml), 'the file', ['currency', 'prices']);
  const { currency, prices } = file;
  if (typeof currency !== 'string') throw new Trouble('currency: three letters of ISO 4217, for example EUR');
  if (!Array.isArray(prices)) throw new Trouble('prices: a list of models');
  return { currency, prices: prices.map(modelOf) };
}

function parsed(yaml: string): unknown {
  try {
    return parse(yaml, { schema: 'core', maxAliasCount: 0 });
  } catch (error) {
    if (error instanceof YAMLParseError || error instanceof ReferenceError) throw new Trouble(error.message.trimEnd());
    throw error;
  }
}

function modelOf(item: unknown, index: number) {
  const at = `prices[${index}]`;
  const { provider, model, ...prices } = fieldsOf(item, at, ['provider', 'model', ...priceNames]);
  if (typeof provider !== 'string') throw new Trouble(`${at}.provider: whose model, for example openai`);
  if (typeof model !== 'string') throw new Trouble(`${at}.model: its name, in quotes where it is a number`);
  const missing = required.find((name) => prices[name] === undefined);
  if (missing !== undefined) throw new Trouble(`${at}.${missing}: the price of a million tokens`);
  const amounts = Object.entries(prices).map(([name, value]) => [
    priceFields[name as PriceName],
    amountOf(value, `${at}.${name}`),
  ]);
  return { provider, model, ...Object.fromEntries(amounts) };
}

function amountOf(value: unknown, at: string): bigint {
  const amount = typeof value === 'number' || typeof value === 'string' ? microUnitsOf(String(value)) : undefined;
  if (amount === undefined) throw new Trouble(`${at}: an amount of 0 or more, with six decimals at most`);
  return amount;
}

/** Throws Trouble when it is no mapping, or has other keys. */
function fieldsOf(value: unknown, at: string, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Trouble(`${at}: a mapping of ${known.join(', ')}`);
  const other = Object.keys(value).find((key) => !known.includes(key));
  if (other !== undefined) throw new Trouble(`${at}: there is no ${other}, only ${known.join(', ')}`);
  return value as Readonly<Record<string, unknown>>;
}
