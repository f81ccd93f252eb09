import { Journal } from '../../app/journal.ts';
import { createEventCodec } from '../../codec/event-codec.ts';
import { positionKey } from '../../testing/memory/event-log/memory-log.ts';
import { readGroupOf } from '../../workers/partition-worker.ts';
import type { Deployment } from './deployment.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';
import { prefix, topics } from './world-names.ts';

/** The most records that are lost. */
const mostLost = 20;

/** Longer than any reader is kept from what is there: by then all that run have looked. */
const noticedMs = 30_000;

/** Between two looks at whether they have. */
const lookMs = 500;

/** How often it is the topic of connections that has lost its end. */
const connectionsShare = 0.3;

interface Place {
  readonly topic: string;
  readonly partition: number;
}

/**
 * A partition is back without its last records, after a power cut or from a copy. The log takes nothing until its readers have seen that: one
 * that looks when it has grown again cannot know (docs/deployment.md).
 */
export function shortenLog(world: World, deployment: Deployment, random: Random): void {
  const { faults, log, scheduler, trace } = world;
  const { limits } = world.scenario.config;
  if (faults.isAway('log-restored', '*') || scheduler.nowMs + 2 * noticedMs > world.scenario.activeMs) return;
  const place = random.chance(connectionsShare)
    ? { topic: topics.connections, partition: 0 }
    : { topic: topics.conversations, partition: random.below(limits.partitions) };
  const { topic, partition } = place;
  const end = log.records(topic, partition).length;
  const to = Math.min(end, Math.max(pastErasure(world, place), end - 1 - random.below(mostLost)));
  if (to === end) return;
  trace.note('log', `${topic}/${partition} is restored to ${to} of ${end}`);
  faults.goesAway('log-restored', '*');
  log.truncate(topic, partition, to);
  world.onShortened(topic, partition);
  for (const { instanceId } of deployment.nodes) world.interrupted.add(instanceId);
  let calmSinceMs = scheduler.nowMs;
  const look = () => {
    const isBlind = deployment.nodes.some(({ process }) => faults.isAway('log-read', process.name));
    if (isBlind) calmSinceMs = scheduler.nowMs;
    const isNoticed = scheduler.nowMs - calmSinceMs > noticedMs && !isAnybodyBeyond(world, deployment, place);
    if (!isNoticed) return void scheduler.after(lookMs, look);
    trace.note('log', 'it takes records again');
    faults.comesBack('log-restored', '*');
  };
  scheduler.after(lookMs, look);
}

/** Whether a read model, a gateway or the workers' committed position is beyond the partition's end. */
function isAnybodyBeyond({ log, models }: World, { nodes }: Deployment, { topic, partition }: Place): boolean {
  const end = log.records(topic, partition).length;
  const offsets = models
    .checkpoints()
    .flatMap((one) => (one.topic === topic && one.partition === partition ? [one.offset] : []));
  const workers = `${prefix}.workers`;
  if (topic === topics.connections) offsets.push(...nodes.map(({ admission }) => admission?.position ?? 0));
  for (const group of [workers, readGroupOf(workers)])
    offsets.push(log.positions.get(positionKey(group, topic, partition)) ?? 0);
  return offsets.some((offset) => offset > end);
}

/** What was erased because of a record stays erased when the record is lost: such a record is kept. */
function pastErasure(world: World, { topic, partition }: Place): number {
  const journal = new Journal(world.log.handle(), createEventCodec(world.ids), prefix);
  const last = world.log.records(topic, partition).findLastIndex((record) => {
    const decoded = journal.decode(record);
    return decoded.kind === 'event' && decoded.event.type === 'ConversationDeleted';
  });
  return last + 1;
}
