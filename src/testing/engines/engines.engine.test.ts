import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListBucketsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterEach, describe, expect, test } from '@jest/globals';
import { connect } from '@nats-io/transport-node';
import { Kafka, logLevel } from 'kafkajs';
import { MongoClient } from 'mongodb';
import type { Engine } from './engine-process.ts';
import { startKafka } from './kafka.ts';
import { startMongo } from './mongo.ts';
import { startNats } from './nats.ts';
import { startS3 } from './s3.ts';
import { listens, until } from './testing/processes.ts';

const open: AsyncDisposable[] = [];

/** Disposed after the test, the last one first. */
function own<T extends AsyncDisposable>(resource: T): T {
  open.push(resource);
  return resource;
}

afterEach(async () => {
  for (const resource of open.splice(0).reverse()) await resource[Symbol.asyncDispose]();
});

async function mongoClient(uri: string): Promise<MongoClient> {
  return own(await new MongoClient(uri).connect());
}

describe('Kafka', () => {
  const kafkaClient = (brokers: string) =>
    new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING, retry: { retries: 20 } });

  test('keeps what it acknowledged over kill -9, and is on the same port again', async () => {
    const engine = own(await startKafka());
    const kafka = kafkaClient(engine.brokers);
    const admin = kafka.admin();
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
    await Promise.all([admin.connect(), producer.connect()]);
    await admin.createTopics({ topics: [{ topic: 'events', numPartitions: 3 }] });
    for (let value = 0; value < 100; value += 1) {
      await producer.send({ topic: 'events', acks: -1, messages: [{ partition: value % 3, value: String(value) }] });
    }

    await engine.kill();
    await engine.start();
    const ends = await admin.fetchTopicOffsets('events');
    await producer.send({ topic: 'events', acks: -1, messages: [{ partition: 0, value: 'after' }] });
    await Promise.all([admin.disconnect(), producer.disconnect()]);

    expect(Object.fromEntries(ends.map(({ partition, high }) => [partition, high]))).toEqual({
      0: '34',
      1: '33',
      2: '33',
    });
  });

  test('does not make a topic because somebody asks for it', async () => {
    const { brokers } = own(await startKafka());
    const kafka = kafkaClient(brokers);
    const [admin, producer] = [kafka.admin(), kafka.producer({ retry: { retries: 4 } })];
    await Promise.all([admin.connect(), producer.connect()]);

    const sent = producer.send({ topic: 'nowhere', messages: [{ value: 'lost' }] });

    await expect(sent).rejects.toThrow('does not host this topic-partition');
    expect(await admin.listTopics()).toEqual([]);
    await Promise.all([admin.disconnect(), producer.disconnect()]);
  });
});

describe('the stand-in for MongoDB', () => {
  test('keeps every acknowledged write over kill -9', async () => {
    const engine = own(await startMongo());
    const client = await mongoClient(engine.uri);
    const documents = client.db('test').collection<{ _id: number }>('documents');
    for (let _id = 0; _id < 100; _id += 1) await documents.insertOne({ _id });

    await engine.kill();
    await engine.start();

    const found = await documents.find().sort({ _id: 1 }).toArray();
    expect(found.map(({ _id }) => _id)).toEqual(Array.from({ length: 100 }, (_, id) => id));
  });

  test('answers each of 2,000 concurrent increments with its own number', async () => {
    const { uri } = own(await startMongo());
    const counters = (await mongoClient(uri))
      .db('test')
      .collection<{ _id: string; n: number; deep: { n: number } }>('c');
    await counters.insertOne({ _id: 'one', n: 0, deep: { n: 0 } });
    const answers: (readonly (number | undefined)[])[] = [];
    const caller = async () => {
      for (let times = 0; times < 40; times += 1) {
        const after = await counters.findOneAndUpdate(
          { _id: 'one' },
          { $inc: { n: 1, 'deep.n': 1 } },
          { returnDocument: 'after' },
        );
        answers.push([after?.n, after?.deep.n]);
      }
    };

    await Promise.all(Array.from({ length: 50 }, caller));

    const numbers = Array.from({ length: 2_000 }, (_, index) => [index + 1, index + 1]);
    expect(answers.toSorted(([a = 0], [b = 0]) => a - b)).toEqual(numbers);
  });

  test('refuses a second document of the same key with code 11000, on unique indexes as well', async () => {
    const { uri } = own(await startMongo());
    const people = (await mongoClient(uri)).db('test').collection<{ _id: number; name: string }>('people');
    await people.createIndex({ name: 1 }, { unique: true });
    await people.insertOne({ _id: 1, name: 'Ada' });

    await expect(people.insertOne({ _id: 1, name: 'Bob' })).rejects.toMatchObject({ code: 11000 });
    await expect(people.insertOne({ _id: 2, name: 'Ada' })).rejects.toMatchObject({ code: 11000 });
  });

  test('answers nothing while it is paused, and all of it afterwards', async () => {
    const engine = own(await startMongo());
    const documents = (await mongoClient(engine.uri)).db('test').collection<{ _id: number }>('documents');
    await documents.insertOne({ _id: 0 });
    await engine.pause();

    const written = documents.insertOne({ _id: 1 });
    // It answers in a millisecond or two when it runs.
    const first = await Promise.race([written, sleep(500, 'nothing')]);
    engine.resume();

    expect(first).toBe('nothing');
    expect((await written).insertedId).toBe(1);
  });
});

describe('NATS', () => {
  test('takes its clients back after kill -9', async () => {
    const engine = own(await startNats());
    const connection = await connect({ servers: engine.servers, reconnectTimeWait: 50, maxReconnectAttempts: -1 });
    connection.subscribe('ping', { callback: (_, message) => void message.respond('pong') });
    await connection.flush();

    await engine.kill();
    await engine.start();
    await until('a reply', () =>
      connection.request('ping', '', { timeout: 500 }).then(
        (reply) => reply.string() === 'pong',
        () => false,
      ),
    );
    await connection.close();
  });
});

describe('S3', () => {
  test('keeps objects over kill -9, and begins without a bucket', async () => {
    const engine = own(await startS3());
    const { accessKeyId, secretAccessKey, region, endpoint } = engine;
    const s3 = new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });
    const before = await s3.send(new ListBucketsCommand({}));
    await s3.send(new CreateBucketCommand({ Bucket: 'media' }));
    await s3.send(new PutObjectCommand({ Bucket: 'media', Key: 'a', Body: 'words' }));

    await engine.kill();
    await engine.start();
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'media', Key: 'a' }));

    expect(before.Buckets ?? []).toEqual([]);
    expect(await Body?.transformToString()).toBe('words');
    s3.destroy();
  });
});

describe('an engine', () => {
  const starts: readonly (readonly [string, () => Promise<readonly [Engine, string]>])[] = [
    ['Kafka', () => startKafka().then((engine) => [engine, `kafka://${engine.brokers}`])],
    ['MongoDB', () => startMongo().then((engine) => [engine, engine.uri])],
    ['NATS', () => startNats().then((engine) => [engine, engine.servers])],
    ['S3', () => startS3().then((engine) => [engine, engine.endpoint])],
  ];

  test.each(starts)('is gone after dispose, with the folder that it made: %s', async (_name, start) => {
    const [engine, url] = await start();
    const port = Number(new URL(url).port);
    expect(await listens(port)).toBe(true);
    expect(existsSync(engine.dataDir)).toBe(true);

    await engine[Symbol.asyncDispose]();

    expect(await listens(port)).toBe(false);
    expect(existsSync(engine.dataDir)).toBe(false);
  });

  test('leaves a folder that was given, and starts on its data again', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'parley-kept-'));
    const first = await startMongo({ dataDir });
    await (await mongoClient(first.uri)).db('test').collection<{ _id: number }>('kept').insertOne({ _id: 7 });
    await first.stop();
    await first[Symbol.asyncDispose]();

    const second = own(await startMongo({ dataDir }));
    const kept = await (await mongoClient(second.uri)).db('test').collection<{ _id: number }>('kept').findOne();

    expect(kept).toEqual({ _id: 7 });
    open.unshift({ [Symbol.asyncDispose]: () => rm(dataDir, { recursive: true }) });
  });

  test('that cannot start says why by the end of its log', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'parley-broken-'));
    await writeFile(join(dataDir, 'mongo.mv'), Buffer.alloc(8_192, 'not a file of H2'));

    await expect(startMongo({ dataDir })).rejects.toThrow(/mongo ended at its start[\s\S]*MVStoreException/);
    await rm(dataDir, { recursive: true });
  });

  test('does not start on a port where somebody listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };

    await expect(startNats({ port })).rejects.toThrow(`127.0.0.1:${port} is in use`);
    server.close();
  });

  test('tells who waits for its end, killed or stopped, and can be killed twice and while it is paused', async () => {
    const engine = own(await startNats());
    const killed = engine.exited();
    await engine.pause();
    await engine.kill();
    await killed;
    await engine.kill();
    await engine.start();
    await expect(engine.start()).rejects.toThrow('running already');
    const stopped = engine.exited();
    await engine.stop();
    await stopped;
    await expect(engine.pause()).rejects.toThrow('not running');
  });
});

describe('a server that the environment names', () => {
  afterEach(() => {
    delete process.env['MONGODB_URI'];
  });

  test('is used where a test allows it, and cannot be killed', async () => {
    process.env['MONGODB_URI'] = 'mongodb://example.invalid:1';
    const given = own(await startMongo({ external: 'allowed' }));

    expect(given.uri).toBe('mongodb://example.invalid:1');
    await expect(given.kill()).rejects.toThrow('must start its own');
    await expect(given.start()).rejects.toThrow('must start its own');
    await expect(given.pause()).rejects.toThrow('must start its own');
  });

  test('is left alone by a test that does not', async () => {
    process.env['MONGODB_URI'] = 'mongodb://example.invalid:1';
    const { uri } = own(await startMongo());

    expect(uri).toMatch(/^mongodb:\/\/127\.0\.0\.1:\d+$/);
  });
});
