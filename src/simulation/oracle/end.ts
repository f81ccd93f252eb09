import { runProjector } from '../../../projections/engine/runner.ts';
import { historyModel } from '../../../projections/history/document.ts';
import { usageIn } from '../../../projections/history/usage.ts';
import { projections } from '../../../projections/models.ts';
import { anybody } from '../../app/caller.ts';
import { Journal } from '../../app/journal.ts';
import { type UsageGrouping, UsageReads } from '../../app/reading/usage-reads.ts';
import { createEventCodec } from '../../codec/event-codec.ts';
import type { ConversationEvent } from '../../domain/conversation/events.ts';
import { mediaOf } from '../../domain/conversation/events.ts';
import { nothingUsed, withSums } from '../../domain/conversation/usage-sums.ts';
import { MemoryReadModelServer } from '../../testing/memory/read-model/memory-read-models.ts';
import { orphansLookedForMs } from '../../workers/limits.ts';
import type { ChatClient } from '../clients/chat-client.ts';
import type { Deployment } from '../world/deployment.ts';
import { SimulatedProcess } from '../world/process.ts';
import type { World } from '../world/world.ts';
import { prefix, topics } from '../world/world-names.ts';
import type { Truth } from './truth.ts';

/** From the last claim on: a look that finds it open, the next one, and the append. */
const settledMs = 4 * orphansLookedForMs;

/** What is left to the workers to answer what no client waits for: several long replies after each other. */
const answeredMs = 300_000;

/** What is left to the projections to come to the end of the log. */
const caughtUpMs = 120_000;

/** Between two looks. */
const lookMs = 250;

/** How long claims are watched in the end, and how many may come: processes that start late. */
const ownersMs = 20_000;
const maxClaims = 3;

/** When faults have ended and clients have gone: what must hold then (DESIGN.md, "What nothing lost means"). */
export async function checkEnd(
  world: World,
  truth: Truth,
  deployment: Deployment,
  clients: readonly ChatClient[],
): Promise<void> {
  await checkEnded(world, truth);
  checkCalls(world, truth);
  checkReasons(world, truth);
  checkErased(world);
  truth.checkTime();
  await checkReadModels(world, truth, clients);
  await checkMedia(world, truth);
  await checkOwners(world, truth);
  await checkSettled(world, truth);
  await checkStopped(world, deployment);
}

/** Whoever starts late takes its partitions once; two that both hold one take it from each other every few seconds. */
async function checkOwners(world: World, truth: Truth): Promise<void> {
  const before = truth.claims.map(({ length }) => length);
  await sleep(world, ownersMs);
  for (const [partition, claims] of truth.claims.entries()) {
    const count = claims.length - (before[partition] ?? 0);
    if (count > maxClaims) world.find('progress/owners', `partition ${partition} was claimed ${count} times`);
  }
}

/** O2: nobody waits for an answer any more. Clients do not wait for those to a conversation that they think they have deleted. */
async function checkEnded(world: World, truth: Truth): Promise<void> {
  const waiting = () => [...truth.messages].filter(([, { end }]) => end === undefined);
  const untilMs = world.scheduler.nowMs + answeredMs;
  while (waiting().length > 0 && world.scheduler.nowMs < untilMs) await sleep(world, lookMs);
  for (const [messageId, { partition }] of waiting())
    world.find('never-answered', `${messageId} in partition ${partition} has no end`);
}

/** Whoever has a partition sets down what its messages used, also those that another worker has answered. */
async function checkSettled(world: World, truth: Truth): Promise<void> {
  const untilMs = world.scheduler.nowMs + settledMs;
  while (truth.unsettled.length > 0 && world.scheduler.nowMs < untilMs) await sleep(world, lookMs);
  for (const messageId of truth.unsettled)
    world.find('reservation-left', `${messageId} has its end, and something is reserved for it`);
}

/**
 * O7: a message is answered once, and once more by each worker that claims the partition before the end of the message is in the log; and again
 * when the log has lost that end.
 */
function checkCalls(world: World, truth: Truth): void {
  const { calls } = world.model;
  const whole = Map.groupBy(
    calls.filter(({ isWhole }) => isWhole),
    ({ messageId }) => messageId,
  );
  for (const [messageId, { partition, sequence, end }] of truth.messages) {
    const replies = whole.get(messageId)?.length ?? 0;
    const claims = truth.claims[partition] ?? [];
    const meanwhile = claims.filter((offset) => offset > sequence && offset < (end?.sequence ?? Infinity)).length;
    const owners =
      meanwhile + (claims.some((offset) => offset < sequence) ? 1 : 0) + (truth.losses.get(partition) ?? 0);
    if (replies > owners) world.find('answered-twice', `${messageId}: ${replies} whole replies, ${owners} owners`);
  }
}

/** How messages ended is what happened to them. */
function checkReasons(world: World, truth: Truth): void {
  const called = new Set(world.model.calls.map(({ messageId, attempt }) => `${messageId} #${attempt}`));
  for (const [messageId, { event, end }] of truth.messages) {
    if (end === undefined) continue;
    const { attempt } = end.event;
    const reason = end.event.type === 'ReplyFailed' ? end.event.reason : end.event.outcome;
    const isProviders = reason.startsWith('PROVIDER_');
    if (isProviders && !called.has(`${messageId} #${attempt}`))
      world.find('failed-uncalled', `${messageId} failed as ${reason} in attempt ${attempt}, which made no call`);
    const isStopped = reason === 'STOPPED' || reason === 'stopped';
    if (isStopped && !truth.askedToStop.has(messageId) && !truth.deleted.has(event.conversationId))
      world.find('stopped-unasked', `${messageId} was stopped`);
  }
}

/** O1, O4: the read models are what the log makes of them. */
async function checkReadModels(world: World, truth: Truth, clients: readonly ChatClient[]): Promise<void> {
  let rebuilt: Record<string, string>;
  let live: Record<string, string>;
  let before: number;
  // An erasure may still be written down: of a log that grows meanwhile, one fold has more than the other.
  do {
    if (!(await areCaughtUp(world))) return;
    before = recordsOf(world);
    rebuilt = await rebuild(world);
    live = documentsOf(world.models);
  } while (partitionsBehind(world).length > 0 || recordsOf(world) !== before);
  for (const [id, document] of Object.entries(rebuilt)) {
    const found = live[id];
    if (found === undefined) world.find('read-model-differs', `${id} is missing`);
    else if (found !== document) world.find('read-model-differs', `${id} is ${found}, should be ${document}`);
  }
  for (const id of Object.keys(live))
    if (rebuilt[id] === undefined) world.find('read-model-differs', `${id} should not be there`);
  for (const client of clients) checkTranscripts(world, truth, client, live);
  await checkUsageReports(world, truth);
}

/** What reports say, whatever they are grouped by, is the sum of what the log tells. */
async function checkUsageReports(world: World, truth: Truth): Promise<void> {
  const reads = new UsageReads({ usage: usageIn(world.models.handle('read')), ids: world.ids });
  const total = async (groupBy: readonly UsageGrouping[], filter: string) => {
    const question = { fromMs: undefined, toMs: undefined, groupBy, filter };
    const report = await reads.query(anybody, question, { pageSize: 0, pageToken: '' });
    return JSON.stringify(sorted(withSums(nothingUsed, report.total)));
  };
  const used = truth.usageByClient();
  const all = JSON.stringify(sorted([...used.values()].reduce(withSums, nothingUsed)));
  for (const groupBy of [[], ['model'], ['client'], ['client', 'hour'], ['group'], ['day']] as const) {
    const told = await total(groupBy, '');
    if (told !== all) world.find('usage-differs', `by ${groupBy.join(', ')}: ${told}, should be ${all}`);
  }
  for (const [clientId, ofIt] of used) {
    const told = await total(['month'], `client = ${JSON.stringify(clientId)}`);
    const should = JSON.stringify(sorted(ofIt));
    if (told !== should) world.find('usage-differs', `of ${clientId}: ${told}, should be ${should}`);
  }
}

/** How many records conversations have. */
function recordsOf({ scenario, log }: World): number {
  const partitions = Array.from({ length: scenario.config.limits.partitions }, (_, partition) => partition);
  return partitions.reduce((sum, partition) => sum + log.records(topics.conversations, partition).length, 0);
}

/** Partitions of which history has not folded the last record. */
function partitionsBehind({ scenario, log, models }: World): readonly number[] {
  const checkpoints = models.checkpoints();
  return Array.from({ length: scenario.config.limits.partitions }, (_, partition) => partition).filter((partition) => {
    const at = checkpoints.find(
      (one) => one.model === historyModel && one.topic === topics.conversations && one.partition === partition,
    );
    return (at?.offset ?? 0) < log.records(topics.conversations, partition).length;
  });
}

async function areCaughtUp(world: World): Promise<boolean> {
  const { scheduler } = world;
  const untilMs = scheduler.nowMs + caughtUpMs;
  while (partitionsBehind(world).length > 0) {
    if (scheduler.nowMs > untilMs) {
      const behind = partitionsBehind(world).join(', ');
      world.find('progress/read-models', `history does not come to the end of partitions ${behind}`);
      return false;
    }
    await sleep(world, lookMs);
  }
  // What is written down at intervals is written now.
  await sleep(world, 3_000);
  return true;
}

/** What a fold of the whole log gives, by itself. */
async function rebuild(world: World): Promise<Record<string, string>> {
  const models = new MemoryReadModelServer();
  const process = new SimulatedProcess('rebuild', world.scheduler, world.scenario.seed);
  const over = new AbortController();
  const ends = new Map<string, number>();
  for (const projection of projections) {
    const topic = topics[projection.topic];
    for (let partition = 0; partition < world.log.handle().partitions(topic); partition += 1)
      ends.set(`${projection.model} ${partition}`, world.log.records(topic, partition).length);
  }
  await runProjector({
    journal: new Journal(world.log.handle(), createEventCodec(world.ids), prefix),
    store: models.handle('write'),
    projections,
    clock: process.clock,
    signal: over.signal,
    onProgress(model, _topic, partition, nextOffset) {
      if (nextOffset >= (ends.get(`${model} ${partition}`) ?? 0)) ends.delete(`${model} ${partition}`);
      if (ends.size === 0) over.abort();
    },
    onFault: (model, topic, partition, error) =>
      world.find('rebuild-fails', `${model} ${topic}/${partition}: ${String(error)}`),
  });
  return documentsOf(models);
}

/** The documents of history, each as text; who is connected is written at intervals of its own. */
function documentsOf(models: MemoryReadModelServer): Record<string, string> {
  return Object.fromEntries(
    Object.entries(models.everything(historyModel)).map(([id, document]) => [id, JSON.stringify(sorted(document))]),
  );
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, one]) => [key, sorted(one)]),
  );
}

/** What a client was told is what history shows: each message accepted is there, and each reply is the one that it saw. */
function checkTranscripts(
  world: World,
  truth: Truth,
  { spec, transcripts }: ChatClient,
  live: Readonly<Record<string, string>>,
): void {
  for (const { conversationId, isDeleted, said, replies } of transcripts.values()) {
    if (isDeleted || truth.deleted.has(conversationId)) continue;
    for (const { messageId, clientMessageId } of said.values())
      if (messageId !== undefined && live[`messages/${messageId}`] === undefined)
        world.find('accepted-missing', `${spec.clientId}: ${clientMessageId} (${messageId}) is not in history`);
    for (const [replyId, text] of replies) {
      const stored = live[`messages/${replyId}`];
      if (stored === undefined) world.find('reply-missing', `${spec.clientId}: ${replyId} is not in history`);
      else if (!stored.includes(JSON.stringify(text)))
        world.find('reply-differs', `${spec.clientId}: ${replyId} was shown "${text.slice(0, 60)}"`);
    }
  }
}

/** O6: what is named is there, and what is not named is swept. */
async function checkMedia(world: World, truth: Truth): Promise<void> {
  const named = new Set<string>();
  const gone = new Set<string>();
  for (const { event, end } of truth.messages.values()) {
    const parts = [...event.parts, ...(end?.event.type === 'ReplyCompleted' ? end.event.parts : [])];
    for (const { mediaId } of mediaOf(parts)) (truth.deleted.has(event.conversationId) ? gone : named).add(mediaId);
  }
  const there = () => new Set([...world.media.objects()].map(({ mediaId }) => mediaId));
  const isMissing = (mediaId: string) => !there().has(mediaId) && !world.lostMedia.has(mediaId);
  for (const mediaId of named) if (isMissing(mediaId)) world.find('media-missing', `${mediaId} is named and not there`);
  const { uploadLifetimeMs, sweepIntervalMs } = world.scenario.config.media;
  const untilMs = world.scheduler.nowMs + uploadLifetimeMs + 4 * sweepIntervalMs + 60_000;
  const unnamed = () => [...there()].filter((mediaId) => !named.has(mediaId));
  while (unnamed().length > 0 && world.scheduler.nowMs < untilMs) await sleep(world, 1_000);
  for (const mediaId of unnamed())
    world.find('media-left', `${mediaId} is named by nothing${gone.has(mediaId) ? ' any more' : ''}`);
  for (const mediaId of named) if (isMissing(mediaId)) world.find('media-missing', `${mediaId} is named and was swept`);
}

/** Everything ends, and leaves nothing behind. */
async function checkStopped(world: World, deployment: Deployment): Promise<void> {
  const { nodes } = deployment;
  await deployment.close();
  await sleep(world, 30_000);
  for (const { process } of nodes)
    if (process.pending > 0)
      world.find('left-behind', `${process.name} has ${process.pending} timers or requests after its end`);
  if (world.bus.subscriptions > 0) world.find('left-behind', `${world.bus.subscriptions} subscriptions of the bus`);
  if (world.log.waitingTails > 0) world.find('left-behind', `${world.log.waitingTails} tails of the log`);
}

function sleep(world: World, ms: number): Promise<void> {
  return new Promise((resolve) => world.scheduler.after(ms, resolve));
}

/** Of a conversation that the log has as erased, no record up to there has content. */
function checkErased(world: World): void {
  const journal = new Journal(world.log.handle(), createEventCodec(world.ids), prefix);
  for (let partition = 0; partition < world.scenario.config.limits.partitions; partition += 1) {
    const records = world.log.records(topics.conversations, partition);
    const erasedThrough = new Map<string, number>();
    for (const record of records) {
      const decoded = journal.decode<ConversationEvent>(record);
      if (decoded.kind !== 'event' || decoded.event.type !== 'ConversationErased') continue;
      const { conversationId, throughSequence } = decoded.event;
      erasedThrough.set(conversationId, Math.max(throughSequence, erasedThrough.get(conversationId) ?? -1));
    }
    for (const record of records)
      if (record.offset <= (erasedThrough.get(record.key) ?? -1) && journal.redact(record) !== undefined)
        world.find('content-left', `conversations/${partition}@${record.offset} of ${record.key} has content`);
  }
}
