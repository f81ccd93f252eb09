import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import {
  type Parked,
  ParkedKind,
  type RecordPlace,
  type ReplayParkedRequestSchema,
} from '../client/gen/chat/v1/operations_service_pb.js';
import { nameOf } from '../client/message-json.ts';
import type { Surroundings } from './common-options.ts';
import { withCommonOptions } from './common-options.ts';
import { connect } from './endpoint.ts';
import { identify } from './identity.ts';
import { type ListOptions, list } from './list.ts';
import { run } from './run.ts';
import { jsonLine, localTime } from './show.ts';
import { table } from './table.ts';
import { printableLine } from './text.ts';

/** Adds `parley parked` and `parley replay`. */
export function registerDeadLetters(program: Command, surroundings: Surroundings): void {
  withCommonOptions(program.command('parked'), surroundings)
    .description('list dead letters: records that cannot be decoded, and messages given up')
    .option('--json', 'one JSON object a line')
    .action((options: ListOptions) => run(options.address, () => showDeadLetters(options, surroundings)));
  withCommonOptions(program.command('replay'), surroundings)
    .description('retry a dead letter: it is appended to the log again')
    .argument('<what>', 'a message id, or the place of a record, as `parley parked` shows them')
    .option('--json', 'one JSON object')
    .action((what: string, options: ListOptions) => run(options.address, () => replay(what, options, surroundings)));
}

function showDeadLetters(options: ListOptions, surroundings: Surroundings): Promise<void> {
  return list(options, surroundings, {
    async fetch({ operations }, page) {
      const { parked: items, nextPageToken } = await operations.listParked(page);
      return { items, nextPageToken };
    },
    fields: (item) => ({ ...item, kind: kindOf(item) }),
    none: 'Nothing is parked.',
    table: deadLetterTable,
  });
}

/** What to say to `parley replay` stands first. */
export function deadLetterTable(parked: readonly Parked[], timeZone: string): string {
  const rows = parked.map((item) => [
    printableLine(item.messageId === '' ? placeText(item.place) : item.messageId),
    kindOf(item),
    localTime(item.time, timeZone),
    localTime(item.replayTime, timeZone),
    printableLine(item.reason),
  ]);
  const heads = ['what', 'kind', 'since', 'replayed', 'reason'];
  return table([heads, ...rows]);
}

async function replay(what: string, options: ListOptions, surroundings: Surroundings): Promise<void> {
  using parley = connect(identify(options, surroundings).endpoint);
  const replayed = await parley.operations.replayParked({ what: wishOf(what) });
  if (options.json) {
    process.stdout.write(jsonLine(replayed));
    return;
  }
  const { place, messageId, alreadyReplayed } = replayed;
  const as = messageId === '' ? '' : ` as message ${printableLine(messageId)}`;
  const told = alreadyReplayed ? 'was replayed before' : 'is replayed';
  process.stdout.write(`${printableLine(what)} ${told}${as}, at ${printableLine(placeText(place))}.\n`);
}

const placeForm = /^([^/]+)\/(\d{1,9})\/(\d{1,15})$/;

/** No message id has a slash in it. */
export function wishOf(what: string): NonNullable<MessageInitShape<typeof ReplayParkedRequestSchema>['what']> {
  const [, topic, partition, offset] = placeForm.exec(what) ?? [];
  if (topic === undefined || partition === undefined || offset === undefined) return { case: 'messageId', value: what };
  return { case: 'place', value: { topic, partition: Number(partition), offset: BigInt(offset) } };
}

function placeText(place: RecordPlace | undefined): string {
  return place === undefined ? '' : `${place.topic}/${place.partition}/${place.offset}`;
}

function kindOf({ kind }: Parked): string {
  return nameOf(ParkedKind, kind).toLowerCase();
}
