import { Code, createClient, createRouterTransport } from '@connectrpc/connect';
import { describe, expect, test } from '@jest/globals';
import { callsOver } from './calls.ts';
import { Kind } from './gen/chat/v1/content_pb.js';
import { MediaService } from './gen/chat/v1/media_service_pb.js';
import { Refusal } from './refusal.ts';
import type { TransferAnswer } from './transfer-failed.ts';
import { blobSource, fileNameToSend, storeMedia } from './uploads.ts';

const picture = new Blob(['picture'], { type: 'image/png' });

/** Stores where each PUT is answered as the test says. @returns the URLs that were PUT to, and what came of it */
async function store(answers: readonly TransferAnswer[], failures: Refusal[] = []) {
  const puts: string[] = [];
  let reserved = 0;
  const transport = createRouterTransport(({ service }) => {
    service(MediaService, {
      createUpload: () => {
        reserved += 1;
        return { mediaId: `m${reserved}`, uploadUrl: `url ${reserved}`, uploadHeaders: { Host: 'h', 'x-own': 'o' } };
      },
    });
  });
  const client = createClient(MediaService, callsOver(transport, undefined));
  const put = async (url: string, _body: Blob, { headers }: { headers: Readonly<Record<string, string>> }) => {
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
    return (
      answers[puts.push(`${url} with ${Object.keys(headers).join()}`) - 1] ?? { status: 201, statusText: '', body: '' }
    );
  };
  const source = blobSource(picture, Kind.IMAGE, undefined, undefined, put);
  const id = await storeMedia(client, 'ann', source, { waitsMs: [1, 1] }).catch((error: unknown) => error);
  return { id, puts };
}

function answered(status: number, body = ''): TransferAnswer {
  return { status, statusText: '', body };
}

describe('an upload', () => {
  test('goes on at the same URL after a failure that may pass, without headers that browsers forbid', async () => {
    const { id, puts } = await store([answered(0), answered(503)]);
    expect({ id, puts }).toEqual({ id: 'm1', puts: Array(3).fill('url 1 with x-own') });
  });

  // It was given up: the URL of a large file may expire while the network is away.
  test('asks for a fresh URL where its own is no good any more', async () => {
    const { id, puts } = await store([answered(403)]);
    expect({ id, puts }).toEqual({ id: 'm2', puts: ['url 1 with x-own', 'url 2 with x-own'] });
  });

  test('fails with the reason of a server that will not have it', async () => {
    const { id, puts } = await store([answered(400, '{"reason":"MEDIA_MISMATCH","detail":"It is text."}')]);
    expect(id).toMatchObject({ reason: 'MEDIA_MISMATCH', message: 'MEDIA_MISMATCH: It is text.', status: 400 });
    expect(puts).toHaveLength(1);
  });

  test('waits for as long as the server says', async () => {
    const beganMs = performance.now();
    await store([], [new Refusal(Code.ResourceExhausted, 'Full.', { reason: 'MEDIA_STORE_FULL', retryDelayMs: 30 })]);
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(29);
  });
});

test('no name is sent that the server would refuse', () => {
  const names = ['a (2).png', '写真.webp', 'x'.repeat(255), 'ü'.repeat(128), 'a\nb', 'a\u202egnp.exe'];
  expect(names.map((name) => fileNameToSend(name) === name)).toEqual([true, true, true, false, false, false]);
  expect([fileNameToSend(), fileNameToSend('a\nb')]).toEqual(['', '']);
});
