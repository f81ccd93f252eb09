import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import { ScriptedServer } from '../client/testing/scripted-server.ts';
import { connect } from './endpoint.ts';
import { ReplyMedia } from './media/reply-media.ts';
import { chatThroughPipes } from './piped-chat.ts';

test('a piped chat without a server says at the first attempt where it connects to, once', async () => {
  const server = await new ScriptedServer().start();
  const { address } = server;
  await server[Symbol.asyncDispose]();
  const endpoint = { address };
  using parley = connect(endpoint, { clientId: 'ann', timeZone: 'UTC' });
  // Long enough for a second attempt, however busy the machine is.
  const client = parley.newChat({ giveUpAfterMs: 2_000, backoff: { initialMs: 20, maxMs: 20 } });
  const piped = {
    client,
    identity: { endpoint, clientId: 'ann' },
    timeZone: 'UTC',
    show: () => undefined,
    replyMedia: new ReplyMedia(address),
  };
  const errors = new PassThrough();
  const chat = chatThroughPipes(piped, { input: new PassThrough(), output: new PassThrough(), errors });
  await expect(chat).rejects.toMatchObject({ codeName: 'UNAVAILABLE' });
  errors.end();
  expect(await text(errors)).toBe(
    `Connecting to ${address} failed (no connection); trying again. \`npm start\` starts a server.\n`,
  );
});
