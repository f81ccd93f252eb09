import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { LogUnavailable } from '../../../ports/event-log.ts';
import { Brokers } from './brokers.ts';
import { maxBatchBytes } from './limits.ts';
import { Producer } from './producer.ts';

const silentLogger = { debug() {}, info() {}, warn() {}, error() {} };

test('a call that is refused at once leaves no rejection behind when what its records need fails later', async () => {
  using brokers = new Brokers({ brokers: ['127.0.0.1:1'], tls: false, sasl: undefined, clientId: 'test' }, ['a topic']);
  const producer = new Producer(brokers, silentLogger);
  const key = Promise.withResolvers<void>();
  const record = { key: '', headers: {}, value: new Uint8Array(maxBatchBytes + 1) };
  const appending = producer.append([{ topic: 'a topic', partition: 0, record }], Promise.all([key.promise]));
  await expect(appending).rejects.toThrow(RangeError);
  key.reject(new LogUnavailable('the key was not stored', 'unknown'));
  // A rejection that nobody handles ends a process; here it fails the test.
  await nextTurn();
  await producer.close();
});
