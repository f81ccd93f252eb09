import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Command } from 'commander';
import { Role } from '../client/gen/chat/v1/content_pb.js';
import type { MessageStep } from '../client/gen/chat/v1/operations_service_pb.js';
import type { Parley } from '../client/parley.ts';
import type { CommonOptions, Surroundings } from './common-options.ts';
import { withCommonOptions } from './common-options.ts';
import { connect } from './endpoint.ts';
import { identify, inWhose } from './identity.ts';
import { run } from './run.ts';
import { dateOf, duration, jsonLine, localTime } from './show.ts';
import { table } from './table.ts';
import { printableLine } from './text.ts';
import { Trouble } from './trouble.ts';

interface ExplainOptions extends CommonOptions {
  readonly json?: true;
}

/** Adds `parley explain`. */
export function registerExplain(program: Command, surroundings: Surroundings): void {
  withCommonOptions(program.command('explain'), surroundings)
    .description('list every event of a message, from the log')
    .argument('[message]', "the message's id, as `parley history --json` shows it; default: the last one that you sent")
    .option('--json', 'one JSON object a line')
    .action((messageId: string | undefined, options: ExplainOptions) =>
      run(options.address, () => explainMessage(messageId, options, surroundings)),
    );
}

async function explainMessage(
  asked: string | undefined,
  options: ExplainOptions,
  surroundings: Surroundings,
): Promise<void> {
  const { endpoint, clientId } = identify(options, surroundings);
  using parley = connect(endpoint, { clientId });
  const messageId = asked ?? (await lastSent(parley, clientId));
  const { steps } = await parley.operations.explainMessage({ messageId });
  process.stdout.write(options.json ? steps.map(jsonLine).join('') : timeline(steps, options.timeZone));
}

/** @throws Trouble when nothing was said */
async function lastSent(parley: Parley, clientId: string): Promise<string> {
  for await (const { conversationId } of parley.conversations({ limit: 1 }))
    for await (const { messageId, role } of parley.messages(conversationId, { newestFirst: true }))
      if (role === Role.USER) return messageId;
  throw new Trouble(`There is no message to explain${inWhose(clientId)}. --client names another client.`);
}

/** The steps with how long after the first each came; below the time of the first. */
export function timeline(steps: readonly MessageStep[], timeZone: string): string {
  const beginMs = dateOf(steps[0]?.time)?.getTime();
  const rows = steps.map(({ time, event, detail }) => [
    time === undefined || beginMs === undefined ? '' : sinceText(timestampMs(time) - beginMs),
    printableLine(event),
    printableLine(detail),
  ]);
  return `${localTime(steps[0]?.time, timeZone)}\n${table(rows, ['right', 'left', 'left'])}`;
}

/** What came before the first step, such as a worker's claim, is told with a minus. */
function sinceText(ms: number): string {
  return ms < 0 ? `−${duration(-ms)}` : `+${duration(ms)}`;
}
