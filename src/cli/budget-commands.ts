import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  type Budget,
  BudgetPeriod,
  BudgetScope,
  BudgetUnit,
  type SetBudgetRequestSchema,
  SpendingService,
} from '../client/gen/chat/v1/spending_service_pb.js';
import { nameOf } from '../client/message-json.ts';
import { microUnitsOf, moneyText } from '../client/money.ts';
import { type CommonOptions, type Surroundings, wholeNumber, withCommonOptions } from './common-options.ts';
import { connect } from './endpoint.ts';
import { identify } from './identity.ts';
import { type ListOptions, list } from './list.ts';
import { run } from './run.ts';
import { jsonLine, localTime } from './show.ts';
import { table } from './table.ts';
import { printableLine } from './text.ts';
import { Trouble } from './trouble.ts';

const periods = {
  minute: BudgetPeriod.MINUTE,
  hour: BudgetPeriod.HOUR,
  day: BudgetPeriod.DAY,
  month: BudgetPeriod.MONTH,
} as const;
type Period = keyof typeof periods;

const units = {
  messages: BudgetUnit.MESSAGES,
  tokens: BudgetUnit.TOKENS,
  cost: BudgetUnit.COST,
} as const;
type Unit = keyof typeof units;

const maxAmount = 1_000_000_000_000_000;

interface ShowOptions extends CommonOptions {
  readonly json?: true;
}

interface ScopeOptions extends CommonOptions {
  readonly all?: true;
  readonly each?: true;
  readonly for?: string;
  readonly group?: string;
  readonly per: Period;
}

interface SetOptions extends ScopeOptions {
  readonly messages?: number;
  readonly tokens?: number;
  /** Micro-units. */
  readonly cost?: bigint;
}

interface RemoveOptions extends ScopeOptions {
  readonly unit: Unit;
}

/** Adds `parley budget` and what is below it. */
export function registerBudgets(program: Command, surroundings: Surroundings): void {
  const budget = withCommonOptions(program.command('budget'), surroundings)
    .enablePositionalOptions()
    .description('show your budgets, and what is left of them')
    .option('--json', 'one JSON object a line')
    .action((options: ShowOptions) => run(options.address, () => showOwn(options, surroundings)));
  withCommonOptions(budget.command('list'), surroundings)
    .description('list all budgets, for operators')
    .option('--json', 'one JSON object a line')
    .action((options: ListOptions) => run(options.address, () => showAll(options, surroundings)));
  withScope(withCommonOptions(budget.command('set'), surroundings))
    .description('let no more be said, or used for replies, in a time, for operators; give one amount')
    .option('--messages <count>', 'messages that are accepted', wholeNumber(0, maxAmount))
    .option('--tokens <count>', 'tokens that models take and give', wholeNumber(0, maxAmount))
    .option('--cost <amount>', 'their cost in the currency of the price list, e.g. 12.50', costOf)
    .action((options: SetOptions) => run(options.address, () => set(options, amountOf(options), surroundings)));
  withScope(withCommonOptions(budget.command('remove'), surroundings))
    .description('remove a budget, for operators')
    .addOption(new Option('--unit <unit>', 'what it counts').choices(Object.keys(units)).default('messages'))
    .action((options: RemoveOptions) => run(options.address, () => set(options, { unit: options.unit }, surroundings)));
}

function costOf(text: string): bigint {
  const microUnits = microUnitsOf(text);
  if (microUnits === undefined || microUnits > maxAmount)
    throw new InvalidArgumentError('Give an amount of money in decimals, e.g. 12.50.');
  return microUnits;
}

interface Amount {
  readonly unit: Unit;
  /** Absent: none. */
  readonly amount?: bigint;
}

/** @throws Trouble unless exactly one is given */
function amountOf({ messages, tokens, cost }: SetOptions): Amount {
  const given = Object.entries({ messages, tokens, cost }).filter(([, amount]) => amount !== undefined);
  const [[unit, amount] = ['messages', undefined]] = given;
  if (given.length !== 1 || amount === undefined)
    throw new Trouble('How much? Give one of --messages, --tokens and --cost.');
  return { unit: unit as Unit, amount: BigInt(amount) };
}

function withScope(command: Command): Command {
  return command
    .option('--all', 'of all clients together')
    .option('--each', 'of each client by itself')
    .option('--for <client>', 'of one client, instead of the one of each')
    .option('--group <group>', 'of a group of clients together')
    .addOption(
      new Option('--per <period>', 'over which time (UTC)').choices(Object.keys(periods)).makeOptionMandatory(),
    );
}

async function showOwn(options: ShowOptions, surroundings: Surroundings): Promise<void> {
  const { endpoint, clientId } = identify(options, surroundings);
  using parley = connect(endpoint);
  const { budgets } = await parley.service(SpendingService).getBudget({ clientId });
  if (options.json) process.stdout.write(budgets.map(jsonLine).join(''));
  else
    process.stdout.write(
      budgets.length === 0 ? 'Your messages are not counted.\n' : budgetTable(budgets, options.timeZone),
    );
}

function showAll(options: ListOptions, surroundings: Surroundings): Promise<void> {
  return list(options, surroundings, {
    async fetch(parley, page) {
      const { budgets: items, nextPageToken } = await parley.service(SpendingService).listBudgets(page);
      return { items, nextPageToken };
    },
    fields: (budget) => budget,
    none: 'No budgets are set: `parley budget set` sets one.',
    table: budgetTable,
  });
}

async function set(options: ScopeOptions, { unit, amount }: Amount, surroundings: Surroundings): Promise<void> {
  const scope = scopeOf(options);
  using parley = connect(identify(options, surroundings).endpoint);
  await parley
    .service(SpendingService)
    .setBudget({ ...scope, period: periods[options.per], unit: units[unit], amount });
  const whose = whoseText(options);
  const what = amount === undefined ? `no budget of ${unit}` : amountText(amount, units[unit]);
  process.stdout.write(`From now on ${what} a ${options.per} for ${whose}.\n`);
}

function whoseText({ all, each, group, for: clientId = '' }: ScopeOptions): string {
  if (all) return 'all clients together';
  if (each) return 'each client';
  return group === undefined ? printableLine(clientId) : `the group ${printableLine(group)}`;
}

/** @throws Trouble unless exactly one is named */
function scopeOf({ all, each, group, for: clientId }: ScopeOptions): MessageInitShape<typeof SetBudgetRequestSchema> {
  const named = [all, each, group, clientId].filter((one) => one !== undefined);
  if (named.length !== 1) throw new Trouble('Whose budget? Give one of --all, --each, --group GROUP and --for CLIENT.');
  if (clientId !== undefined) return { scope: BudgetScope.CLIENT, clientId };
  if (group !== undefined) return { scope: BudgetScope.GROUP, group };
  return { scope: all ? BudgetScope.ALL : BudgetScope.EACH };
}

const scopeNames: Readonly<Record<BudgetScope, string>> = {
  [BudgetScope.UNSPECIFIED]: '',
  [BudgetScope.ALL]: 'all clients',
  [BudgetScope.EACH]: 'each client',
  [BudgetScope.CLIENT]: '',
  [BudgetScope.GROUP]: 'group',
};

/** `currency`: '' where that is not known. */
function amountText(amount: bigint, unit: BudgetUnit, currency = ''): string {
  if (unit === BudgetUnit.COST) return `${moneyText(amount)}${currency === '' ? '' : ` ${currency}`}`;
  return `${amount} ${nameOf(BudgetUnit, unit).toLowerCase()}`;
}

/** What `parley budget` prints. */
export function budgetTable(budgets: readonly Budget[], timeZone: string): string {
  const rows = budgets.map(({ scope, clientId, group, period, unit, amount, left, resetTime, currency }) => [
    [scopeNames[scope], printableLine(clientId), printableLine(group)].filter((name) => name !== '').join(' '),
    nameOf(BudgetPeriod, period).toLowerCase(),
    amountText(amount, unit, currency),
    left === undefined ? '' : unit === BudgetUnit.COST ? moneyText(left) : String(left),
    localTime(resetTime, timeZone),
  ]);
  const aligns = ['left', 'left', 'right', 'right', 'left'] as const;
  return table([['of', 'a', 'budget', 'left', 'begins anew'], ...rows], aligns);
}
