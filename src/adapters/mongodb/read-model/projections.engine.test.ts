import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { deadLettersOf, deadLettersSpec } from '../../../../projections/engine/dead-letters.ts';
import type { Projection } from '../../../../projections/engine/projection.ts';
import { compareModel, rebuildModel } from '../../../../projections/engine/rebuild.ts';
import { historyProjection } from '../../../../projections/history/project.ts';
import { projections } from '../../../../projections/models.ts';
import {
  conversationDeleted,
  conversationErased,
  conversationRenamed,
  conversationStarted,
  media,
  messageReceived,
  replyCompleted,
  replyFailed,
  replyStarted,
  text,
  usageOf,
  workerClaimed,
} from '../../../../projections/testing/conversation-events.ts';
import { openHarness, projectAll } from '../../../../projections/testing/harness.ts';
import type { AdmissionEvent } from '../../../domain/admission/events.ts';
import type { ConversationEvent } from '../../../domain/conversation/events.ts';
import type { ReadModelStore } from '../../../ports/read-model.ts';
import { type MongoEngine, startMongo } from '../../../testing/engines/mongo.ts';
import { type TestDatabase, testDatabase } from '../../../testing/engines/test-database.ts';
import { eventCodec } from '../../../testing/event-codec.ts';
import { seededRandom, testSeeds } from '../../../testing/random.ts';
import { openMongoReadModels } from './mongo-read-models.ts';

const partitions = 2;
const rounds = 4;
const eventsPerRound = 60;
/** Messages of a conversation that nobody deletes: what there is to compare however the rest is drawn. */
const keptMessages = 60;

let engine: MongoEngine;
let database: TestDatabase;
beforeAll(async () => {
  engine = await startMongo({ external: 'allowed' });
  database = testDatabase(engine.uri);
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
});

/** Events of few conversations, so that many are repeats, late, or about what is over. Those of the even ones are in partition 0. */
function conversationEvent(random: () => number): { partition: number; event: ConversationEvent } {
  const among = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
  const talk = Math.floor(random() * 6);
  const conversationId = `talk-${talk}`;
  const clientId = `client-${talk % 3}`;
  const messageId = `m${talk}-${Math.floor(random() * 12)}`;
  const said = [text(among(['night train to Zürich', 'day train', 'two words', '東京 station']))];
  const parts = random() < 0.3 ? [...said, media(`p${Math.floor(random() * 3)}`)] : said;
  const attempt = 1 + Math.floor(random() * 2);
  const reply = { conversationId, claimId: 'claim', attempt };
  const ended = [usageOf(attempt, { model: among(['parrot', 'owl $x.y']) })];
  const make = among([
    () => conversationStarted(conversationId, clientId),
    ...Array.from({ length: 6 }, () => () => messageReceived(messageId, { conversationId, clientId, parts })),
    ...Array.from(
      { length: 3 },
      () => () => replyStarted(messageId, { ...reply, ...(attempt > 1 && { ended: [usageOf(1)] }) }),
    ),
    ...Array.from({ length: 4 }, () => () => replyCompleted(messageId, { ...reply, parts, ended })),
    () => replyFailed(messageId, reply),
    () => conversationRenamed(among(['Plans', 'Dreams $x.y']), conversationId),
    () => (random() < 0.4 ? conversationDeleted(conversationId) : conversationErased(conversationId)),
  ]);
  return { partition: talk % partitions, event: make() };
}

function admissionEvents(round: number): readonly AdmissionEvent[] {
  const sessionId = `session-${round}`;
  const limits = { maxClients: 2, maxWaitingClients: 2, gatewayLeaseMs: 15_000, firstMessageDeadlineMs: 60_000 };
  return [
    { type: 'GatewayStarted', gatewayId: 'gateway', limits },
    {
      type: 'ConnectionRequested',
      sessionId,
      clientId: `client-${round}`,
      gatewayId: 'gateway',
      timeZone: 'Europe/Paris',
      conversationId: `talk-${round}`,
      tokenHash: 'hash',
      resumeTokenHash: '',
      waitMs: 1_000,
    },
    { type: 'ConnectionSpoke', sessionId },
  ];
}

/** Documents in all collections of the models. */
async function countOf(store: ReadModelStore): Promise<number> {
  const specs = [...projections.flatMap(({ collections }) => collections), deadLettersSpec];
  const found = await Promise.all(specs.map((spec) => store.collection(spec).scan('', 10_000)));
  return found.reduce((sum, documents) => sum + documents.length, 0);
}

test.each(testSeeds)(
  'the read models are the same as in SQLite, document by document, and again when they are rebuilt (TEST_SEED=%i)',
  async (seed) => {
    const random = seededRandom(seed);
    await using harness = await openHarness(partitions);
    // What one seed leaves is not the next one's.
    const prefix = `parley_${seed}`;
    await using mongo = await openMongoReadModels({ uri: database.uri, prefix, mode: 'write' });
    const { journal, store: sqlite } = harness;
    for (let partition = 0; partition < partitions; partition += 1)
      await harness.append(partition, workerClaimed('claim'));
    const kept = { conversationId: 'kept', clientId: 'client-0' };
    await harness.append(0, conversationStarted(kept.conversationId, kept.clientId));
    for (let count = 0; count < keptMessages; count += 1)
      await harness.append(0, messageReceived(`kept-${count}`, { ...kept, parts: [text('night train')] }));
    for (let round = 0; round < rounds; round += 1) {
      for (let count = 0; count < eventsPerRound; count += 1) {
        const { partition, event } = conversationEvent(random);
        await harness.append(partition, event);
      }
      await harness.appendBytes(1, 'chat_events.v1.MessageReceived', new Uint8Array([255, round]));
      const admission = admissionEvents(round).map((event) => eventCodec.encode(event));
      await journal.log.append(
        admission.map((record) => ({ topic: journal.topics.connections, partition: 0, key: '', ...record })),
      );
      await harness.project();
      await projectAll(journal, mongo, projections);
      for (const { collections } of projections) expect(await compareModel(sqlite, mongo, collections)).toEqual([]);
      expect(await countOf(mongo)).toBe(await countOf(sqlite));
      expect(await deadLettersOf(mongo, journal.topics.conversations, 10)).toHaveLength(round + 1);
    }
    expect(await countOf(mongo)).toBeGreaterThan(keptMessages);
    const projection = historyProjection as Projection;
    const { differences } = await rebuildModel({ journal, store: mongo, projection, compare: true });
    expect(differences).toEqual([]);
    await using reader = await openMongoReadModels({ uri: database.uri, prefix, mode: 'read' });
    expect(await compareModel(sqlite, reader, projection.collections)).toEqual([]);
    for (let partition = 0; partition < partitions; partition += 1) {
      const place = ['history', journal.topics.conversations, partition] as const;
      expect(await reader.checkpoint(...place)).toEqual(await sqlite.checkpoint(...place));
    }
  },
  120_000,
);
