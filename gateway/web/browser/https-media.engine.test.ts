import { expect, test } from '@jest/globals';
import type { Locator } from 'playwright-core';
import { newAuthority, newCertificate } from '../../../src/testing/certificates.ts';
import { Cluster } from '../../../src/testing/cluster.ts';
import { startEnvoy } from '../../../src/testing/engines/envoy.ts';
import { freePort } from '../../../src/testing/engines/free-port.ts';
import { eventually } from '../../../src/testing/test-sessions.ts';
import { browsing } from './testing/browsing.ts';
import { ChatPage } from './testing/chat-page.ts';
import { pictureFile } from './testing/files.ts';
import { waitTimeoutMs } from './testing/visitor.ts';

const chromium = browsing();
const prompt = { PARLEY_SIMULATED_TEXT_DELAY_MS: '0', PARLEY_SIMULATED_VOICE_DELAY_MS: '0' };

/** The address of a picture that has been drawn. */
async function drawnFrom(image: Locator): Promise<string> {
  await image.scrollIntoViewIfNeeded();
  await eventually(
    () => image.evaluate((element) => (element as HTMLImageElement).naturalWidth),
    (width) => width > 0,
    waitTimeoutMs,
  );
  return image.evaluate((element) => (element as HTMLImageElement).currentSrc);
}

// A page by HTTPS may not fetch by HTTP. That no request leaves its origin, and that nothing breaks its policy, the visitor looks after.
test('a page by HTTPS uploads a picture to the media store through Envoy, and shows it from there', async () => {
  const port = await freePort();
  const origin = `https://127.0.0.1:${port}`;
  const env = { ...prompt, PARLEY_S3_PUBLIC_ENDPOINT: origin, PARLEY_S3_CORS_ORIGINS: origin };
  await using cluster = await Cluster.start({ gateways: 1, workers: 1, env });
  const s3 = new URL(cluster.engines.s3.endpoint);
  await using _envoy = await startEnvoy({
    port,
    gateways: cluster.of('gateway').map(({ server }) => server),
    certificate: await newCertificate(await newAuthority('Tests in a browser'), 'Envoy'),
    values: { mediaStore: { host: s3.hostname, port: Number(s3.port), bucket: 'parley-media' } },
  });
  await using visitor = await chromium.visitor(`${origin}/`);
  const chat = await ChatPage.connected(visitor);
  await chat.page.locator('input[type=file]').setInputFiles([pictureFile]);
  await chat.say('What is in it?');
  await chat.wholeReply(0);
  // From history, by a signed URL, and not from the page's memory.
  await chat.page.reload();
  const url = await drawnFrom(chat.questions.locator('img'));
  expect(url).toContain(`${origin}/parley-media/`);
  const answer = await visitor.context.request.get(url);
  expect(answer.status()).toBe(200);
  expect(answer.headers()).toMatchObject({
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
    'x-content-type-options': 'nosniff',
  });
  const unsigned = await visitor.context.request.get(url.replace(/\?.*/, ''));
  expect(unsigned.status()).toBe(403);
});
