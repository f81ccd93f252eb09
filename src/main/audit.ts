import { type AuditReport, auditLog } from '../app/audit/audit.ts';
import { moneyText } from '../client/money.ts';
import { loadEnvironment } from '../config/environment.ts';
import { attemptEnds, attemptsIn } from '../domain/conversation/usage-sums.ts';
import type { Budget } from '../domain/spending/budgets.ts';
import { openingOf } from './opening-of.ts';
import { progressBar } from './progress-bar.ts';

/** Refolds the log of the deployment and prints what it found. Exit code 1 at a breach. Rejects with LogDamaged, LogNotFound, LogUnavailable. */
export async function audit(options: { readonly json?: boolean }): Promise<void> {
  const journal = await (await openingOf(loadEnvironment())).journal();
  await using _log = journal.log;
  const beganMs = performance.now();
  const report = await auditLog({ journal, onProgress: progressBar('auditing') });
  const seconds = (performance.now() - beganMs) / 1_000;
  const recordsPerSecond = Math.round(report.records / Math.max(seconds, 0.001));
  process.stdout.write(
    options.json ? `${JSON.stringify({ ...report, seconds, recordsPerSecond })}\n` : describe(report, seconds),
  );
  if (report.breaches.length > 0) process.exitCode = 1;
}

function usageLines({ usage, prices }: AuditReport): readonly string[] {
  const { estimated, inputTokens, cachedInputTokens, outputTokens, reasoningTokens } = usage;
  if (attemptsIn(usage) === 0) return [];
  const ended = attemptEnds.filter((end) => usage[end] > 0).map((end) => `${end} ${usage[end]}`);
  const { soundInMs, soundOutMs, picturesIn, picturesOut } = usage;
  return [
    `used       attempts: ${ended.join(', ')}; ${estimated} of them estimated`,
    `           tokens in ${inputTokens} (${cachedInputTokens} from caches), out ${outputTokens} (${reasoningTokens} of reasoning)`,
    `           sound in ${soundInMs} ms, out ${soundOutMs} ms; pictures in ${picturesIn}, out ${picturesOut}`,
    ...(prices.lists === 0 ? [] : [costLine(usage, prices)]),
  ];
}

function costLine(usage: AuditReport['usage'], { lists, currency }: AuditReport['prices']): string {
  const unpriced = attemptsIn(usage) - usage.priced;
  return `cost       ${moneyText(usage.costMicros)} ${currency} by ${lists} price list${lists === 1 ? '' : 's'}; ${unpriced} attempts without a price`;
}

function budgetLines({ granted, refused, overrun, closest }: AuditReport['budgets']): readonly string[] {
  if (granted + refused === 0) return [];
  const { budget, counted } = closest ?? {};
  const nearest =
    budget === undefined
      ? ''
      : `; closest ${counted} of ${budget.amount} ${budget.unit === 'cost' ? 'micro-units' : budget.unit} in a ${budget.period}, of ${scopeText(budget.scope)}`;
  const over = overrun === 0 ? '' : `, ${overrun} used more than was reserved`;
  return [`budgets    ${granted} messages granted, ${refused} not${over}${nearest}`];
}

function scopeText(scope: Budget['scope']): string {
  if (scope.kind === 'client') return scope.clientId;
  if (scope.kind === 'group') return `the group ${scope.group}`;
  return scope.kind === 'all' ? 'all clients' : 'one of each client';
}

function counts(of: Readonly<Record<string, number>>): string {
  const entries = Object.entries(of);
  return entries.length === 0 ? 'none' : entries.map(([reason, times]) => `${reason} ${times}`).join(', ');
}

function describe(report: AuditReport, seconds: number): string {
  const { connections, messages, breaches, undecodable } = report;
  const lines = [
    `${report.records} records folded in ${seconds.toFixed(2)} s`,
    `sessions   ${connections.opened} opened, most at once ${connections.mostOpen} of ${connections.cap}, open at the end ${connections.openNow}`,
    `           longest line ${connections.mostWaiting}; refused: ${counts(connections.refused)}; closed: ${counts(connections.closed)}`,
    `messages   ${messages.accepted} accepted, ${messages.repeats} repeats that changed nothing, ${messages.pending} pending`,
    `           completed ${messages.completed}, stopped ${messages.stopped}; failed: ${counts(messages.failed)}`,
    `           ${messages.attempts} attempts, ${messages.lostAttempts} of them lost with their worker and ${messages.releasedAttempts} given up with their partition, ${messages.claims} claims`,
    `           most in processing in one partition ${messages.mostInPartition}`,
    ...usageLines(report),
    ...budgetLines(report.budgets),
    ...undecodable.map(
      ({ topic, partition, offset, what }) => `undecodable ${topic}/${partition} offset ${offset}: ${what}`,
    ),
    ...(report.unknown > 0 ? [`${report.unknown} records of types that this release does not know`] : []),
    ...breaches.map(
      ({ topic, partition, offset, what }) => `BREACH     ${topic}/${partition} offset ${offset}: ${what}`,
    ),
    breaches.length === 0 ? 'every prefix of the log keeps every limit' : `${breaches.length} breaches`,
  ];
  return `${lines.join('\n')}\n`;
}
