import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Command, Option } from 'commander';
import {
  type Budget,
  BudgetPeriod,
  BudgetScope,
  type SetBudgetRequestSchema,
  SpendingService,
} from '../client/gen/chat/v1/spending_service_pb.js';
import { nameOf } from '../client/message-json.ts';
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

const maxMessages = 1_000_000_000_000;

interface ShowOptions extends CommonOptions {
  readonly json?: true;
}

interface ScopeOptions extends CommonOptions {
  readonly all?: true;
  readonly each?: true;
  readonly for?: string;
  readonly per: Period;
}

interface SetOptions extends ScopeOptions {
  readonly messages: number;
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
    .description('let no more messages be accepted in a time, for operators')
    .requiredOption('--messages <count>', 'how many', wholeNumber(0, maxMessages))
    .action((options: SetOptions) => run(options.address, () => set(options, BigInt(options.messages), surroundings)));
  withScope(withCommonOptions(budget.command('remove'), surroundings))
    .description('remove a budget, for operators')
    .action((options: ScopeOptions) => run(options.address, () => set(options, undefined, surroundings)));
}

function withScope(command: Command): Command {
  return command
    .option('--all', 'of all clients together')
    .option('--each', 'of each client by itself')
    .option('--for <client>', 'of one client, instead of the one of each')
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

async function set(options: ScopeOptions, messages: bigint | undefined, surroundings: Surroundings): Promise<void> {
  const scope = scopeOf(options);
  using parley = connect(identify(options, surroundings).endpoint);
  await parley.service(SpendingService).setBudget({ ...scope, period: periods[options.per], messages });
  const whose = options.all ? 'all clients together' : options.each ? 'each client' : printableLine(options.for ?? '');
  const what = messages === undefined ? 'no budget' : `${messages} messages`;
  process.stdout.write(`From now on ${what} a ${options.per} for ${whose}.\n`);
}

/** @throws Trouble unless exactly one is named */
function scopeOf({ all, each, for: clientId }: ScopeOptions): MessageInitShape<typeof SetBudgetRequestSchema> {
  const named = [all, each, clientId].filter((one) => one !== undefined);
  if (named.length !== 1) throw new Trouble('Whose budget? Give one of --all, --each and --for CLIENT.');
  if (clientId !== undefined) return { scope: BudgetScope.CLIENT, clientId };
  return { scope: all ? BudgetScope.ALL : BudgetScope.EACH };
}

const scopeNames: Readonly<Record<BudgetScope, string>> = {
  [BudgetScope.UNSPECIFIED]: '',
  [BudgetScope.ALL]: 'all clients',
  [BudgetScope.EACH]: 'each client',
  [BudgetScope.CLIENT]: '',
};

/** What `parley budget` prints. */
export function budgetTable(budgets: readonly Budget[], timeZone: string): string {
  const rows = budgets.map(({ scope, clientId, period, messages, left, resetTime }) => [
    clientId === '' ? scopeNames[scope] : printableLine(clientId),
    nameOf(BudgetPeriod, period).toLowerCase(),
    String(messages),
    left === undefined ? '' : String(left),
    localTime(resetTime, timeZone),
  ]);
  const aligns = ['left', 'left', 'right', 'right', 'left'] as const;
  return table([['of', 'a', 'messages', 'left', 'begins anew'], ...rows], aligns);
}
