import { startKafka } from '../kafka.ts';
import { startMongo } from '../mongo.ts';
import { startNats } from '../nats.ts';
import { startS3 } from '../s3.ts';

/** A parent of engines for a test to kill: starts all four, freezes one of them, and says so by one line. */
const [kafka, mongo, nats, s3] = await Promise.all([startKafka(), startMongo(), startNats(), startS3()]);
await mongo.pause();
const urls = [`kafka://${kafka.brokers}`, mongo.uri, nats.servers, s3.endpoint];
console.log(JSON.stringify({ ports: urls.map((url) => Number(new URL(url).port)) }));
