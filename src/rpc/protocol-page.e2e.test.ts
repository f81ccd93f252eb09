import { readFileSync } from 'node:fs';
import { fromJsonString, type JsonValue, toJson } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { expect, test } from '@jest/globals';
import { ChatRequestSchema, ChatResponseSchema, ChatService } from '../client/gen/chat/v1/chat_service_pb.js';
import { startServer } from '../testing/server.ts';

const page = readFileSync('docs/protocol.md', 'utf8');

/** The frames that the page shows of a side, as JSON. */
function shown(side: 'client' | 'server'): readonly string[] {
  return Array.from(page.matchAll(new RegExp(`^${side}: (.*)$`, 'gm')), ([, frame = '']) => frame);
}

/** The fields of a frame, with the types of their values: ids, times and what the model says are others each time. */
function fieldsOf(value: JsonValue): unknown {
  if (Array.isArray(value)) return value.map(fieldsOf);
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, fieldsOf(inner)]));
}

/** The first frame of each kind, in order: into how many pieces a reply is cut depends on the time of its start. */
function firstOfEachKind(frames: readonly string[]): readonly unknown[] {
  const kindOf = (frame: string) => /^\{"event":\{"(\w+)"/.exec(frame)?.[1];
  const isFirst = (frame: string, index: number) =>
    frames.findIndex((other) => kindOf(other) === kindOf(frame)) === index;
  return frames.filter(isFirst).map((frame) => [kindOf(frame), fieldsOf(JSON.parse(frame))]);
}

test('the session that docs/protocol.md shows takes place', async () => {
  await using server = await startServer({
    env: { PARLEY_SIMULATED_TEXT_DELAY_MS: '0', PARLEY_SIMULATED_PIECES: '2' },
  });
  async function* requests() {
    for (const frame of shown('client')) yield fromJsonString(ChatRequestSchema, frame);
  }
  const { chat } = createClient(ChatService, createGrpcTransport({ baseUrl: `http://${server.address}` }));
  const received: string[] = [];
  for await (const response of chat(requests()))
    received.push(JSON.stringify(toJson(ChatResponseSchema, response, { useProtoFieldName: true })));
  expect(shown('server')).not.toEqual([]);
  expect(firstOfEachKind(received)).toEqual(firstOfEachKind(shown('server')));
});
