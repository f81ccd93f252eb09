import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import {
  BudgetPeriod,
  BudgetScope,
  BudgetUnit,
  SpendingService,
} from '../../../src/client/gen/chat/v1/spending_service_pb.js';
import { grpc } from '../../../src/client/node/grpc.ts';
import { Parley } from '../../../src/client/parley.ts';
import { eventually } from '../../../src/testing/test-sessions.ts';
import { browsing } from './testing/browsing.ts';
import { ChatPage } from './testing/chat-page.ts';
import { toldTexts } from './testing/drawn-replies.ts';
import { pictureFile } from './testing/files.ts';
import { operate } from './testing/operations.ts';
import { type Visitor, waitTimeoutMs } from './testing/visitor.ts';
import { World } from './testing/world.ts';

const chromium = browsing();
const prompt = { PARLEY_SIMULATED_TEXT_DELAY_MS: '0' };

async function openSettings(visitor: Visitor): Promise<ChatPage> {
  const chat = await ChatPage.connected(visitor);
  await chat.page.getByRole('link', { name: 'Settings, This browser' }).click();
  await chat.page.getByRole('heading', { name: 'Settings', level: 1 }).waitFor();
  return chat;
}

test('the theme that is chosen is there at once, and after a reload', async () => {
  await using world = await World.start('bridge', { env: prompt });
  await using visitor = await chromium.visitor(world.url, { colorScheme: 'light' });
  const { page } = await openSettings(visitor);
  const scheme = () => page.evaluate(() => getComputedStyle(document.documentElement).colorScheme);
  await page.getByText('Dark', { exact: true }).click();
  expect(await scheme()).toBe('dark');
  await page.reload();
  expect(await page.getByRole('radio', { name: 'Dark' }).isChecked()).toBe(true);
  expect(await scheme()).toBe('dark');
  await page.getByText('Like this device', { exact: true }).click();
  expect(await scheme()).toBe('light dark');
});

test('the time zone that is chosen is that of the session and of the times that are shown', async () => {
  await using world = await World.start('bridge', { env: prompt });
  await using visitor = await chromium.visitor(world.url);
  const chat = await ChatPage.connected(visitor);
  const timeZone = async () => {
    const { connections } = await operate(world.server, 'ListActiveConnections');
    return connections[0]?.timeZone;
  };
  const reply = await chat.ask('What time is it?');
  const atHome = await reply.locator('time').textContent();
  expect(await timeZone()).toBe('Europe/Paris');
  await chat.page.getByRole('link', { name: /^Settings/ }).click();
  await chat.page.getByRole('combobox', { name: 'Time zone' }).selectOption('Australia/Eucla');
  await eventually(timeZone, (zone) => zone === 'Australia/Eucla', waitTimeoutMs);
  await chat.page.goBack();
  const away = (await reply.locator('time').textContent()) ?? '';
  // A quarter of an hour off every zone of Europe.
  const minutes = (label: string | null) => Number(label?.slice(-2));
  expect((minutes(away) - minutes(atHome) + 60) % 60).toBe(45);
  await chat.ask('And now?');
  await chat.page.reload();
  await chat.is('connected');
  await chat.wholeReply(1);
  expect(await timeZone()).toBe('Australia/Eucla');
});

test('instructions go to the assistant with each message, also after a reload, until they are removed', async () => {
  await using world = await World.start('bridge', { env: prompt });
  await using visitor = await chromium.visitor(world.url);
  const chat = await openSettings(visitor);
  const { page } = chat;
  // Nobody signs in here, so nobody signs out.
  await page.getByText('until you remove it.').waitFor();
  const field = page.getByRole('textbox', { name: 'Instructions to the assistant' });
  const save = page.getByRole('button', { name: 'Save' });
  await field.fill('é'.repeat(2_049));
  await save.click();
  await page.getByRole('alert').getByText('Your instructions take 4098 bytes; at most 4096 are taken.').waitFor();
  expect(await page.getByRole('button', { name: 'Remove' }).count()).toBe(0);
  await field.fill(' Answer in rhyme. ');
  await save.click();
  await page.getByRole('status').getByText('The assistant gets them from your next message on.').waitFor();
  expect(await page.getByRole('alert').count()).toBe(0);
  await page.reload();
  expect(await field.inputValue()).toBe('Answer in rhyme.');
  await page.goto(`${world.url}#/`);
  const told = async (text: string) => (await (await chat.ask(text)).textContent()) ?? '';
  expect(await told('Hello')).toContain('“Answer in rhyme.”');
  await page.goto(`${world.url}#/settings`);
  await page.getByRole('button', { name: 'Remove' }).click();
  await page.getByRole('status').getByText('The assistant gets none.').waitFor();
  await page.goto(`${world.url}#/`);
  expect(await told('Hello again')).not.toContain('rhyme');
});

test('all conversations are exported into a file, whoever else talks here', async () => {
  await using world = await World.start('bridge', { env: prompt });
  await using visitor = await chromium.visitor(world.url);
  await using other = await chromium.visitor(world.url);
  await (await ChatPage.connected(other)).ask('Nothing of this is yours.');
  const chat = await ChatPage.connected(visitor);
  await chat.ask('In the first.');
  await chat.page.goto(`${world.url}#/`);
  await chat.page.locator('input[type=file]').setInputFiles(pictureFile);
  await chat.ask('In the second.');
  await toldTexts(world.server.address, await chat.conversationId(), 2);
  await chat.page.getByRole('link', { name: /^Settings/ }).click();
  const downloading = chat.page.waitForEvent('download');
  await chat.button('Export').click();
  const download = await downloading;
  expect(download.suggestedFilename()).toBe('parley-conversations.json');
  const text = await readFile(await download.path(), 'utf8');
  const { conversations } = JSON.parse(text);
  expect(conversations.map(({ title }: { title: string }) => title)).toEqual(['In the second.', 'In the first.']);
  expect(conversations[0].messages).toMatchObject([
    {
      role: 'USER',
      status: 'COMPLETED',
      parts: expect.arrayContaining([
        { text: 'In the second.' },
        { media: expect.objectContaining({ contentType: 'image/png', url: '', sizeBytes: pictureFile.buffer.length }) },
      ]),
    },
    { role: 'ASSISTANT' },
  ]);
  expect(text).not.toContain('Nothing of this is yours.');
  await chat.page.getByText('The file is with your downloads.').waitFor();
});

test('people see what their replies used and cost this month, and what is left of their budgets', async () => {
  await using world = await World.start('bridge', { env: prompt });
  using parley = new Parley({ wire: grpc({ address: world.server.address }) });
  const spending = parley.service(SpendingService);
  const model = {
    provider: 'simulated',
    model: 'simulated',
    inputPerMillion: 1_000_000n,
    outputPerMillion: 5_000_000n,
  };
  await spending.setPriceList({ currency: 'EUR', prices: [model] });
  await spending.setBudget({
    scope: BudgetScope.EACH,
    period: BudgetPeriod.MONTH,
    unit: BudgetUnit.MESSAGES,
    amount: 2n,
  });
  await spending.setBudget({
    scope: BudgetScope.ALL,
    period: BudgetPeriod.DAY,
    unit: BudgetUnit.MESSAGES,
    amount: 1_000n,
  });
  await using visitor = await chromium.visitor(world.url);
  const chat = await ChatPage.connected(visitor);
  await chat.ask('One.');
  await toldTexts(world.server.address, await chat.conversationId(), 2);
  await chat.page.getByRole('link', { name: /^Settings/ }).click();
  const use = chat.page.getByRole('region', { name: 'Your use' });
  await use.getByText(/^This month: 1 reply, \d+ tokens read and \d+ written, 0\.\d+ EUR\.$/).waitFor();
  await use.getByText(/^1 of 2 messages left this month; begins anew /).waitFor();
  await use.getByText(/^1,000 messages a day, with everybody else; begins anew /).waitFor();
  await chat.page.goBack();
  await chat.ask('Two.');
  await chat.say('Three.');
  await chat.page.getByText('Your budget is used up.').waitFor();
});
