import type { Command } from 'commander';
import { type SecurityEvent, SecurityEventKind } from '../client/gen/chat/v1/operations_service_pb.js';
import { nameOf } from '../client/message-json.ts';
import type { Surroundings } from './common-options.ts';
import { wholeNumber, withCommonOptions } from './common-options.ts';
import { type ListOptions, list } from './list.ts';
import { run } from './run.ts';
import { localTime } from './show.ts';
import { table } from './table.ts';
import { printableLine } from './text.ts';

/** More than a person reads. */
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000_000;

/** Adds `parley security-log`. */
export function registerSecurityLog(program: Command, surroundings: Surroundings): void {
  withCommonOptions(program.command('security-log'), surroundings)
    .description('list sign-ins, account changes and actions of operators, newest first')
    .option('--limit <n>', 'how many at most', wholeNumber(1, MAX_LIMIT), DEFAULT_LIMIT)
    .option('--json', 'one JSON object a line')
    .action((options: ListOptions) => run(options.address, () => showSecurityLog(options, surroundings)));
}

function showSecurityLog(options: ListOptions, surroundings: Surroundings): Promise<void> {
  return list(options, surroundings, {
    async fetch({ operations }, page) {
      const { events: items, nextPageToken } = await operations.listSecurityEvents(page);
      return { items, nextPageToken };
    },
    fields: (event) => ({ ...event, kind: kindOf(event) }),
    none: 'No sign-ins, account changes or actions of operators in the last 90 days.',
    table: securityTable,
  });
}

/** An event a line; who did it is whom it concerns, unless it was an operator. */
export function securityTable(events: readonly SecurityEvent[], timeZone: string): string {
  const rows = events.map((event) => [
    localTime(event.time, timeZone),
    kindOf(event),
    event.count === 1n ? '' : `${event.count} times`,
    printableLine(event.userName === '' ? event.clientId : event.userName),
    printableLine(event.operator),
    printableLine(event.address),
    printableLine(event.detail),
  ]);
  const heads = ['when', 'what', '', 'whom', 'operator', 'from', 'detail'];
  return table([heads, ...rows]);
}

function kindOf({ kind }: SecurityEvent): string {
  return nameOf(SecurityEventKind, kind).toLowerCase();
}
