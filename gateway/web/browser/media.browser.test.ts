import { describe, expect, test } from '@jest/globals';
import type { Locator, Page } from 'playwright-core';
import { wholeConversation } from '../../../src/testing/oracle.ts';
import { mediaIn } from '../../../src/testing/sayings.ts';
import { eventually } from '../../../src/testing/test-sessions.ts';
import { browsing } from './testing/browsing.ts';
import { ChatPage } from './testing/chat-page.ts';
import { bring, pictureFile, type TestFile, videoFile, voiceFile } from './testing/files.ts';
import { waitTimeoutMs } from './testing/visitor.ts';
import { doors, World } from './testing/world.ts';

const chromium = browsing();

const prompt = {
  PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
  PARLEY_SIMULATED_VOICE_DELAY_MS: '0',
  PARLEY_SIMULATED_VIDEO_DELAY_MS: '0',
};
const mib = 1024 ** 2;
const videoBytes = 20 * mib;
/** Slow enough for its progress to be seen: the video takes some seconds. */
const uploadBytesPerSecond = 8 * mib;

async function attach(chat: ChatPage, ...files: readonly TestFile[]): Promise<void> {
  await chat.page.locator('input[type=file]').setInputFiles([...files]);
  await eventually(
    () => attachments(chat).count(),
    (count) => count === files.length,
    waitTimeoutMs,
  );
}

const attachments = (chat: ChatPage) => chat.page.getByRole('list', { name: 'Attachments' }).getByRole('listitem');

/** Sends what is attached, without a word unless there is one. */
async function send(chat: ChatPage): Promise<void> {
  await chat.button('Send').click();
}

async function throttleUploads(page: Page): Promise<void> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Network.enable');
  const unlimited = -1;
  await devtools.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 0,
    downloadThroughput: unlimited,
    uploadThroughput: uploadBytesPerSecond,
  });
}

/** Every value that a progress bar had since. */
async function watchProgress(page: Page): Promise<() => Promise<number[]>> {
  await page.evaluate(() => {
    const seen: number[] = [];
    new MutationObserver(() => {
      for (const bar of document.querySelectorAll('progress, [role=progressbar]')) {
        const value = Number(bar.getAttribute('aria-valuenow') ?? (bar as HTMLProgressElement).value);
        if (seen.at(-1) !== value) seen.push(value);
      }
    }).observe(document.body, { subtree: true, childList: true, attributes: true });
    Object.assign(globalThis, { seenProgress: seen });
  });
  return () => page.evaluate(() => (globalThis as unknown as { seenProgress: number[] }).seenProgress);
}

/** The picture there has been drawn. */
async function isDrawn(image: Locator): Promise<void> {
  await image.scrollIntoViewIfNeeded();
  await eventually(
    () => image.evaluate((element) => (element as HTMLImageElement).naturalWidth),
    (width) => width > 0,
    waitTimeoutMs,
  );
}

/** The player there has something to play. */
async function isPlayable(player: Locator): Promise<void> {
  await player.scrollIntoViewIfNeeded();
  await player.evaluate((element) => {
    const media = element as HTMLMediaElement;
    if (media.readyState === 0) media.load();
  });
  await eventually(
    () => player.evaluate((element) => (element as HTMLMediaElement).duration),
    (seconds) => seconds > 0,
    waitTimeoutMs,
  );
}

/** The media of a conversation's messages, in order, as history has them. */
async function toldMedia(
  world: World,
  chat: ChatPage,
  count: number,
): Promise<{ contentType: string; sizeBytes: number }[][]> {
  const id = await chat.conversationId();
  const messages = await eventually(
    () => wholeConversation(world.server.address, id),
    (all) => all.length === count,
    waitTimeoutMs,
  );
  return messages.map((message) =>
    mediaIn(message).map(({ contentType, sizeBytes }) => ({ contentType, sizeBytes: Number(sizeBytes) })),
  );
}

describe.each(doors)('over %s', (door) => {
  test('a video of 20 MB goes up, its progress seen, and is answered with a voice and a picture', async () => {
    await using world = await World.start(door, { env: prompt });
    await using visitor = await chromium.visitor(world.url);
    const chat = await ChatPage.connected(visitor);
    await attach(chat, videoFile(videoBytes));
    await throttleUploads(chat.page);
    const progress = await watchProgress(chat.page);
    await chat.say('What is in it?');
    const reply = await chat.wholeReply(0);
    expect(new Set(await progress()).size).toBeGreaterThan(2);
    await isPlayable(chat.questions.getByLabel('Video'));
    await isPlayable(reply.getByLabel('Voice message'));
    await isDrawn(reply.locator('img'));
    const [said, told] = await toldMedia(world, chat, 2);
    expect(said).toEqual([{ contentType: 'video/mp4', sizeBytes: videoBytes }]);
    expect(told?.map(({ contentType }) => contentType)).toEqual(['audio/mpeg', 'image/jpeg']);
    // And after a reload, from history.
    await chat.page.reload();
    await isDrawn((await chat.wholeReply(0)).locator('img'));
    await isPlayable(chat.replies.getByLabel('Voice message'));
    await reply.getByRole('button', { name: 'Enlarge picture' }).click();
    const enlarged = chat.dialog('Picture').getByRole('img');
    await isDrawn(enlarged);
    const widthPx = async (element: Locator) => (await element.boundingBox())?.width ?? 0;
    expect(await widthPx(enlarged)).toBeGreaterThan(
      await widthPx(reply.getByRole('button', { name: 'Enlarge picture' })),
    );
    await chat.page.keyboard.press('Escape');
    await eventually(
      () => chat.dialog('Picture').count(),
      (count) => count === 0,
      waitTimeoutMs,
    );
  });

  test('pictures that are pasted and dropped are shown, can be taken back, and are sent', async () => {
    await using world = await World.start(door, { env: prompt });
    await using visitor = await chromium.visitor(world.url);
    const chat = await ChatPage.connected(visitor);
    await bring(pictureFile, chat.composer, 'paste');
    await attachments(chat).first().waitFor();
    await isDrawn(attachments(chat).locator('img').first());
    await bring({ ...pictureFile, name: 'second.png' }, chat.composer, 'drop');
    await eventually(
      () => attachments(chat).count(),
      (count) => count === 2,
      waitTimeoutMs,
    );
    await chat.button('Remove second.png').click();
    await eventually(
      () => attachments(chat).count(),
      (count) => count === 1,
      waitTimeoutMs,
    );
    await send(chat);
    await chat.wholeReply(0);
    await isDrawn(chat.questions.locator('img'));
    // Under the picture, also when it comes from history.
    await chat.questions.getByText(pictureFile.name, { exact: true }).waitFor();
    await chat.page.reload();
    await chat.questions.getByText(pictureFile.name, { exact: true }).waitFor();
    expect(await toldMedia(world, chat, 2)).toEqual([
      [{ contentType: 'image/png', sizeBytes: pictureFile.buffer.length }],
      [],
    ]);
  });

  test('a voice message is recorded here, sent and answered by voice', async () => {
    await using world = await World.start(door, { env: prompt });
    await using visitor = await chromium.visitor(world.url);
    await visitor.context.grantPermissions(['microphone']);
    const chat = await ChatPage.connected(visitor);
    await chat.button('Record a voice message').click();
    const recording = chat.page.getByRole('group', { name: 'Recording' });
    await recording.getByText(/0:01/).waitFor();
    await recording.getByRole('button', { name: 'Cancel recording' }).click();
    await recording.waitFor({ state: 'hidden' });
    expect(await attachments(chat).count()).toBe(0);
    await chat.button('Record a voice message').click();
    await recording.getByText(/0:01/).waitFor();
    await recording.getByRole('button', { name: 'Finish recording' }).click();
    await attachments(chat).first().waitFor();
    await send(chat);
    await isPlayable((await chat.wholeReply(0)).getByLabel('Voice message'));
    await isPlayable(chat.questions.getByLabel('Voice message'));
    const [said] = await toldMedia(world, chat, 2);
    expect(said).toMatchObject([{ contentType: expect.stringMatching(/^audio\/(?:webm|mp4)/) }]);
  });

  test('what is of a wrong type or too large is refused in words before anything is sent', async () => {
    await using world = await World.start(door, { env: { ...prompt, PARLEY_MAX_MEDIA_BYTES: String(2 * mib) } });
    await using visitor = await chromium.visitor(world.url);
    const chat = await ChatPage.connected(visitor);
    const sent: string[] = [];
    visitor.context.on('request', (request) => sent.push(`${request.method()} ${new URL(request.url()).pathname}`));
    const refused = [
      [
        { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('notes') },
        'Files like notes.txt are not taken.',
      ],
      [videoFile(3 * mib), /at most/],
    ] as const;
    for (const [file, words] of refused) {
      await chat.page.locator('input[type=file]').setInputFiles(file);
      await chat.alert.getByText(words).first().waitFor();
      expect(await attachments(chat).count()).toBe(0);
      await chat.alert.getByRole('button', { name: 'Dismiss' }).click();
    }
    expect(sent.filter((one) => one.startsWith('PUT') || /CreateUpload|Send/.test(one))).toEqual([]);
    await attach(chat, voiceFile);
    await send(chat);
    await chat.wholeReply(0);
  });

  test('a file that is not what it says is refused: a picture at once, another by the server, and then its message can be changed', async () => {
    await using world = await World.start(door, { env: prompt });
    await using visitor = await chromium.visitor(world.url);
    const chat = await ChatPage.connected(visitor);
    const noMedia = Buffer.from('<!doctype html><script>alert(1)</script>');
    await chat.page.locator('input[type=file]').setInputFiles([{ ...pictureFile, buffer: noMedia }]);
    await chat.page.getByText('This file is not what its name says.').waitFor();
    expect(await attachments(chat).count()).toBe(0);

    const fake = { ...videoFile(videoBytes), buffer: noMedia };
    await attach(chat, fake, { ...pictureFile, name: 'real.png' });
    await chat.composer.fill('Look at this.');
    await send(chat);
    const unsent = chat.questions.and(chat.page.locator('[data-status=unsent]'));
    await unsent.waitFor();
    expect(await unsent.textContent()).not.toContain('MEDIA_MISMATCH');
    // The same file would be refused again.
    expect(await unsent.getByRole('button', { name: 'Try again' }).count()).toBe(0);
    await unsent.getByRole('button', { name: 'Edit' }).click();
    await unsent.waitFor({ state: 'detached' });
    expect(await chat.composer.inputValue()).toBe('Look at this.');
    await attachments(chat)
      .getByRole('button', { name: `Remove ${fake.name}` })
      .click();
    await send(chat);
    await chat.questions.getByText('real.png', { exact: true }).waitFor();
    await chat.replies.first().waitFor();
  });
});
