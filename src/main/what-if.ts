import { type SessionFigures, type WhatIfReport, whatIf } from '../app/audit/what-if.ts';
import { moneyText } from '../client/money.ts';
import { loadEnvironment } from '../config/environment.ts';
import type { Budget } from '../domain/spending/budgets.ts';
import { openingOf } from './opening-of.ts';
import { progressBar } from './progress-bar.ts';

export interface WhatIfCommand {
  readonly maxClients?: number;
  readonly maxWaiting?: number;
  readonly budget?: readonly Budget[];
  /** Milliseconds since the epoch. */
  readonly from?: number;
  readonly to?: number;
  readonly json?: true;
}

/** Refolds the log under other limits and prints what would have been otherwise. Rejects with LogDamaged, LogNotFound, LogUnavailable. */
export async function tryLimits(options: WhatIfCommand): Promise<void> {
  const { maxClients, maxWaiting: maxWaitingClients, budget: budgets = [], from = 0, to = Infinity, json } = options;
  const journal = await (await openingOf(loadEnvironment())).journal();
  await using _log = journal.log;
  const limits = { maxClients, maxWaitingClients, budgets };
  const report = await whatIf({ journal, limits, fromMs: from, toMs: to, onProgress: progressBar('folding') });
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : describe(report));
}

function describe({ records, were, wouldBe, messages, used, budgets }: WhatIfReport): string {
  const lines = [
    `${records} records folded`,
    `sessions   as it was, ${sessionsText(were)}`,
    `           it would be, ${sessionsText(wouldBe)}`,
    `messages   ${messages} accepted; their replies used ${used.tokens} tokens, cost ${moneyText(used.cost)}`,
    ...budgets.map(
      ({ budget, over, clients, usedUp }) =>
        `           ${amountText(budget, over)} over ${amountText(budget, budget.amount)} a ${budget.period} of ${whose(budget)}; clients ${clients}, times that it was used up ${usedUp}`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function amountText({ unit }: Budget, amount: number): string {
  return unit === 'cost' ? `cost ${moneyText(amount)}` : `${amount} ${unit}`;
}

function sessionsText({ maxClients, opened, refused, mostOpen, mostWaiting }: SessionFigures): string {
  return `with ${maxClients} clients: ${opened} opened, ${refused} refused for want of a slot, most at once ${mostOpen}, longest line ${mostWaiting}`;
}

function whose({ scope }: Budget): string {
  if (scope.kind === 'client') return scope.clientId;
  if (scope.kind === 'group') return `the group ${scope.group}`;
  return scope.kind === 'all' ? 'all clients' : 'each client';
}
