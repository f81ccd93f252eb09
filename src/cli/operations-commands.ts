import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { ActiveConnection, ClientUsage, GetUsageResponse } from '../client/gen/chat/v1/operations_service_pb.js';
import type { CommonOptions, Surroundings } from './common-options.ts';
import { withCommonOptions } from './common-options.ts';
import { connect } from './endpoint.ts';
import { identify } from './identity.ts';
import { type ListOptions, list } from './list.ts';
import { run } from './run.ts';
import { duration, jsonLine, localTime } from './show.ts';
import { table } from './table.ts';
import { printableLine } from './text.ts';
import { registerUsageReport } from './usage-report-command.ts';

/** As often as a person can follow. */
const WATCH_INTERVAL_MS = 1_000;
/** Top left, and nothing below. */
const CLEAR_SCREEN = '\u001b[H\u001b[J';

interface UsageOptions extends CommonOptions {
  readonly json?: true;
  readonly watch?: true;
}

interface DisconnectOptions extends CommonOptions {
  readonly reason: string;
}

/** Adds `parley usage`, what is below it, `parley connections` and `parley disconnect`. */
export function registerOperations(program: Command, surroundings: Surroundings): void {
  const usage = withCommonOptions(program.command('usage'), surroundings)
    .description('show the limits and their use; for a client, also what it stores')
    .argument('[client]', 'whose', '')
    .option('--json', 'one JSON object a line')
    .option('--watch', 'again every second, until interrupted')
    .action((clientId: string, options: UsageOptions) =>
      run(options.address, () => showUsage(clientId, options, surroundings)),
    );
  registerUsageReport(usage, surroundings);
  withCommonOptions(program.command('connections'), surroundings)
    .description('list who is connected, the oldest first')
    .option('--json', 'one JSON object a line')
    .action((options: ListOptions) => run(options.address, () => showConnections(options, surroundings)));
  withCommonOptions(program.command('disconnect'), surroundings)
    .description("end a client's session")
    .argument('<client>', 'whose')
    .option('--reason <text>', 'told to the client', '')
    .action((clientId: string, options: DisconnectOptions) =>
      run(options.address, () => disconnect(clientId, options, surroundings)),
    );
}

async function showUsage(clientId: string, options: UsageOptions, surroundings: Surroundings): Promise<void> {
  const { json, watch } = options;
  using parley = connect(identify(options, surroundings).endpoint);
  const clear = watch && process.stdout.isTTY && !json ? CLEAR_SCREEN : '';
  for (;;) {
    const usage = await parley.operations.getUsage({ clientId });
    process.stdout.write(clear + (json ? jsonLine(usage) : usageTable(usage)));
    if (!watch) return;
    await delay(WATCH_INTERVAL_MS);
  }
}

function usageTable(usage: GetUsageResponse): string {
  const oldest = usage.queued > 0n ? `oldest ${duration(Number(usage.oldestQueuedMs))}` : '';
  return table(
    [
      ['', 'in use', 'limit', ''],
      ['clients connected', String(usage.activeClients), String(usage.maxClients), ''],
      ['clients in line', String(usage.waitingClients), '', ''],
      ['messages in processing', String(usage.processing), String(usage.maxProcessing), ''],
      ['messages queued', String(usage.queued), '', oldest],
      ...(usage.client === undefined ? [] : clientRows(usage.client)),
    ],
    ['left', 'right', 'right', 'left'],
  );
}

function clientRows(client: ClientUsage): readonly (readonly string[])[] {
  const limit = (bytes: bigint) => (bytes === 0n ? '' : String(bytes));
  return [
    ['its conversations', String(client.conversations), '', ''],
    ['its messages and replies', String(client.messages), '', ''],
    ['bytes of its history', String(client.historyBytes), limit(client.maxHistoryBytes), ''],
    ['its media objects', String(client.mediaObjects), '', ''],
    ['bytes of its media', String(client.mediaBytes), limit(client.maxMediaBytes), ''],
    ['writes it has left', String(client.writesLeft), '', 'at this gateway'],
    ['messages it has left', String(client.messagesLeft), '', 'at this gateway'],
  ];
}

function showConnections(options: ListOptions, surroundings: Surroundings): Promise<void> {
  return list(options, surroundings, {
    async fetch({ operations }, page) {
      const { connections: items, nextPageToken } = await operations.listActiveConnections(page);
      return { items, nextPageToken };
    },
    fields: (connection) => connection,
    none: 'Nobody is connected.',
    table: connectionsTable,
  });
}

function connectionsTable(connections: readonly ActiveConnection[], timeZone: string): string {
  const rows = connections.map((one) => [
    printableLine(one.clientId),
    localTime(one.connectTime, timeZone),
    localTime(one.lastActiveTime, timeZone),
    one.hasSpoken ? 'yes' : 'no',
    printableLine(one.timeZone),
    printableLine(one.conversationId),
    printableLine(one.gatewayId),
  ]);
  const heads = ['client', 'since', 'last active', 'spoke', 'time zone', 'conversation', 'server'];
  return table([heads, ...rows]);
}

async function disconnect(clientId: string, options: DisconnectOptions, surroundings: Surroundings): Promise<void> {
  using parley = connect(identify(options, surroundings).endpoint);
  await parley.operations.disconnectClient({ clientId, reason: options.reason });
  process.stdout.write(`${printableLine(clientId)} is disconnected.\n`);
}
