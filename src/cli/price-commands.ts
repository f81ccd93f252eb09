import { readFile } from 'node:fs/promises';
import { create } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import {
  type ModelPrices,
  type PriceList,
  PriceListSchema,
  SpendingService,
} from '../client/gen/chat/v1/spending_service_pb.js';
import { moneyText } from '../client/money.ts';
import type { Parley } from '../client/parley.ts';
import { isRefusal } from '../client/refusal.ts';
import { type CommonOptions, type Surroundings, wholeNumber, withCommonOptions } from './common-options.ts';
import { connect } from './endpoint.ts';
import { identify } from './identity.ts';
import { type PriceListInit, priceListOf } from './price-file.ts';
import { run } from './run.ts';
import { jsonLine, localTime } from './show.ts';
import { table } from './table.ts';
import { printableLine } from './text.ts';
import { systemWords, Trouble } from './trouble.ts';

interface ShowOptions extends CommonOptions {
  readonly list?: number;
  readonly json?: true;
}

interface SetOptions extends CommonOptions {
  readonly file: string;
}

/** Adds `parley prices` and `parley prices set`. */
export function registerPrices(program: Command, surroundings: Surroundings): void {
  const prices = withCommonOptions(program.command('prices'), surroundings)
    .enablePositionalOptions()
    .description('show what models cost')
    .option('--list <version>', 'an earlier list', wholeNumber(1, 2 ** 31 - 1))
    .option('--json', 'one JSON object')
    .action((options: ShowOptions) => run(options.address, () => showPrices(options, surroundings)));
  withCommonOptions(prices.command('set'), surroundings)
    .description('set what models cost from now on, in calls that begin then')
    .requiredOption('-f, --file <file>', 'YAML; docs/usage.md shows one')
    .action((options: SetOptions) => run(options.address, () => setPrices(options, surroundings)));
}

async function showPrices(options: ShowOptions, surroundings: Surroundings): Promise<void> {
  const { list: version = 0, json } = options;
  using parley = connect(identify(options, surroundings).endpoint);
  const priceList = await read(parley, version);
  if (priceList === undefined) throw new Trouble('No prices are set: `parley prices set -f FILE` sets them.');
  process.stdout.write(json ? jsonLine(priceList) : priceListText(priceList, options.timeZone));
}

/** undefined: none is in force. @throws Refusal */
async function read(parley: Parley, version: number): Promise<PriceList | undefined> {
  try {
    return (await parley.service(SpendingService).getPriceList({ version })).priceList;
  } catch (error) {
    if (version === 0 && isRefusal(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

async function setPrices(options: SetOptions, surroundings: Surroundings): Promise<void> {
  const asked = await priceListIn(options.file);
  using parley = connect(identify(options, surroundings).endpoint);
  const { priceList: { version, prices } = create(PriceListSchema) } = await parley
    .service(SpendingService)
    .setPriceList(asked);
  const models = `${prices.length} model${prices.length === 1 ? '' : 's'}`;
  process.stdout.write(`Price list ${version} is in force, with ${models}.\n`);
}

/** @throws Trouble, which names the file and what is wrong with it */
async function priceListIn(file: string): Promise<PriceListInit> {
  try {
    return priceListOf(await readFile(file, 'utf8'));
  } catch (error) {
    if (error instanceof Trouble) throw new Trouble(`${file}: ${error.message}`);
    throw new Trouble(`${file} cannot be read: ${systemWords(error)}.`);
  }
}

const columns = [
  ['in', 'inputPerMillion'],
  ['cached', 'cachedInputPerMillion'],
  ['out', 'outputPerMillion'],
  ['heard', 'soundInPerMinute'],
  ['spoken', 'soundOutPerMinute'],
  ['picture in', 'pictureIn'],
  ['picture out', 'pictureOut'],
] as const satisfies readonly (readonly [string, keyof ModelPrices])[];

/** What `parley prices` prints. */
export function priceListText({ version, setTime, setBy, currency, prices }: PriceList, timeZone: string): string {
  const by = setBy === '' ? '' : ` by ${printableLine(setBy)}`;
  const rows = prices.map((model) => [
    printableLine(model.provider),
    printableLine(model.model),
    ...columns.map(([, field]) => moneyText(model[field] ?? 0n)),
  ]);
  return [
    `Price list ${version}, set ${localTime(setTime, timeZone)}${by}; ${currency} for a million tokens, a minute of sound, a picture\n`,
    table(
      [['provider', 'model', ...columns.map(([head]) => head)], ...rows],
      ['left', 'left', ...columns.map(() => 'right' as const)],
    ),
  ].join('');
}
