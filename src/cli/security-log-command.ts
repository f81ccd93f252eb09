import type { Command } from 'commander';
import { type SecurityEvent, SecurityEventKind } from '../client/gen/chat/v1/operations_service_pb.js';
import { nameOf } from '../client/message-json.ts';
import { allItems } from '../client/pages.ts';
import type { CommonOptions, Surroundings } from './common-options.ts';
import { wholeNumber, withCommonOptions } from './common-options.ts';
import { connect } from './endpoint.ts';
import { identify } from './identity.ts';
import { run } from './run.ts';
import { jsonLine, localTime } from './show.ts';
import { table } from './table.ts';
import { printableLine } from './text.ts';

/** More than a person reads. */
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000_000;

interface SecurityLogOptions extends CommonOptions {
  readonly json?: true;
  readonly limit: number;
}

/** Adds `parley security-log`. */
export function registerSecurityLog(program: Command, surroundings: Surroundings): void {
  withCommonOptions(program.command('security-log'), surroundings)
    .description('list who did what to accounts, and what operators did, the newest first')
    .option('--limit <n>', 'how many at most', wholeNumber(1, MAX_LIMIT), DEFAULT_LIMIT)
    .option('--json', 'one JSON object a line')
    .action((options: SecurityLogOptions) => run(options.address, () => showSecurityLog(options, surroundings)));
}

async function showSecurityLog(options: SecurityLogOptions, surroundings: Surroundings): Promise<boolean> {
  const { json, timeZone, limit } = options;
  using parley = connect(identify(options, surroundings).endpoint);
  const items = allItems({ limit }, async (page, call) => {
    const { events, nextPageToken } = await parley.operations.listSecurityEvents(page, call);
    return { items: events, nextPageToken };
  });
  const events: SecurityEvent[] = [];
  for await (const item of items) events.push(item);
  if (json) process.stdout.write(events.map((event) => jsonLine({ ...event, kind: kindOf(event) })).join(''));
  else process.stdout.write(events.length === 0 ? 'Nothing is recorded.\n' : securityTable(events, timeZone));
  return true;
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
  return table(
    [heads, ...rows],
    heads.map(() => 'left'),
  );
}

function kindOf({ kind }: SecurityEvent): string {
  return nameOf(SecurityEventKind, kind).toLowerCase();
}
