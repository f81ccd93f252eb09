import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import type * as GrpcWeb from 'grpc-web';
import type { Page } from 'playwright-core';
import {
  HeartbeatRequest,
  HeartbeatResponse,
  OpenRequest,
  OpenResponse,
  SendRequest,
} from '../../../src/gen/chat/v1/chat_service.ts';
import { eventually } from '../../../src/testing/test-sessions.ts';
import { browsing } from './testing/browsing.ts';
import { waitTimeoutMs } from './testing/visitor.ts';
import { doors, World } from './testing/world.ts';

/** What a page with Google's client can be asked; messages are bytes here and there. */
interface PageCalls {
  unary(path: string, message: readonly number[]): Promise<number[]>;
  /** Begins a stream, whose messages gather in `events`, and how it ends in `ends`. */
  stream(path: string, message: readonly number[]): void;
  events: number[][];
  ends: string[];
}

declare const grpcWeb: typeof GrpcWeb;
declare const calls: PageCalls;

const chromium = browsing();

/** Gives the page Google's client as it is published, in the mode in which it reads streams. */
async function bringClient(page: Page): Promise<void> {
  const source = await readFile(new URL(import.meta.resolve('grpc-web')), 'utf8');
  await page.evaluate(`globalThis.grpcWeb = ((exports) => { ${source}; return exports; })({})`);
  await page.evaluate(() => {
    const client = new grpcWeb.GrpcWebClientBase({ format: 'text' });
    const { MethodDescriptor, MethodType } = grpcWeb;
    const describing = (path: string, type: string) =>
      new MethodDescriptor<readonly number[], number[]>(
        path,
        type,
        Array,
        Array,
        (message: readonly number[]) => new Uint8Array(message),
        (message: Uint8Array) => Array.from(message),
      );
    const made: PageCalls = {
      events: [],
      ends: [],
      unary: (path, message) =>
        client.unaryCall(location.origin + path, message, {}, describing(path, MethodType.UNARY)),
      stream(path, message) {
        const [events, ends]: [number[][], string[]] = [[], []];
        Object.assign(made, { events, ends });
        const descriptor = describing(path, MethodType.SERVER_STREAMING);
        client
          .serverStreaming(location.origin + path, message, {}, descriptor)
          .on('data', (event) => events.push(event))
          .on('error', ({ code, message: words }) => ends.push(`${code} ${words}`))
          .on('end', () => ends.push('end'));
      },
    };
    Object.assign(globalThis, { calls: made });
  });
}

describe.each(doors)("Google's grpc-web client, over %s", (door) => {
  test('reads why it is refused, holds a conversation, and has each event while the stream goes on', async () => {
    await using world = await World.start(door);
    await using visitor = await chromium.visitor(world.url);
    const page = await visitor.openPage();
    await bringClient(page);
    const path = (method: string) => `/chat.v1.ChatService/${method}`;
    const unary = (method: string, message: Uint8Array) =>
      page.evaluate(([to, bytes]) => calls.unary(to, bytes), [path(method), [...message]] as const);
    const open = (timeZone: string) =>
      page.evaluate(([to, bytes]) => calls.stream(to, bytes), [
        path('Open'),
        [...OpenRequest.encode(OpenRequest.create({ hello: { clientId: 'by google', timeZone } })).finish()],
      ] as const);
    await open('Nowhere/City');
    const ends = () => page.evaluate(() => calls.ends);
    const [refusal] = await eventually(ends, ({ length }) => length > 0, waitTimeoutMs);
    expect(refusal).toMatch(/^3 The time zone/);
    await open('UTC');
    const read = async () =>
      (await page.evaluate(() => calls.events)).map((event) => OpenResponse.decode(Buffer.from(event)).event?.event);
    const [welcome] = await eventually(read, ({ length }) => length > 0, waitTimeoutMs);
    if (welcome?.$case !== 'welcome') throw new Error(`no welcome but ${welcome?.$case}`);
    const { sessionId } = welcome.value;
    const heard = await unary('Heartbeat', HeartbeatRequest.encode({ sessionId }).finish());
    expect(HeartbeatResponse.decode(Buffer.from(heard)).serverTime).toBeInstanceOf(Date);
    const parts = [{ value: { $case: 'text' as const, value: 'Can you read this?' } }];
    const message = SendRequest.fromPartial({ sessionId, message: { clientMessageId: 'm1', parts } });
    await unary('Send', SendRequest.encode(message).finish());
    const kinds = async () => (await read()).map((event) => event?.$case);
    const isReplied = (all: Awaited<ReturnType<typeof kinds>>) =>
      all.includes('replyStarted') && all.lastIndexOf('message') > all.indexOf('replyStarted');
    const told = await eventually(kinds, isReplied, waitTimeoutMs);
    expect(told.filter((kind) => kind === 'replyDelta').length).toBeGreaterThan(1);
    expect(await ends()).toEqual([]);
  });
});
