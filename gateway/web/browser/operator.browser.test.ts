import { describe, expect, test } from '@jest/globals';
import { SpendingService } from '../../../src/client/gen/chat/v1/spending_service_pb.js';
import { grpc } from '../../../src/client/node/grpc.ts';
import { Parley } from '../../../src/client/parley.ts';
import { TestSessions } from '../../../src/testing/test-sessions.ts';
import { browsing } from './testing/browsing.ts';
import { ChatPage } from './testing/chat-page.ts';
import { waitTimeoutMs } from './testing/visitor.ts';
import { doors, World } from './testing/world.ts';

const chromium = browsing();
const prompt = { PARLEY_SIMULATED_TEXT_DELAY_MS: '0' };

async function setPrices(address: string): Promise<void> {
  using parley = new Parley({ wire: grpc({ address }) });
  const model = {
    provider: 'simulated',
    model: 'simulated',
    inputPerMillion: 1_000_000n,
    outputPerMillion: 5_000_000n,
  };
  await parley.service(SpendingService).setPriceList({ currency: 'EUR', prices: [model] });
}

describe.each(doors)('over %s', (door) => {
  test('an operator sees use and connections, ends a session, and has a message explained', async () => {
    await using world = await World.start(door, { env: prompt });
    await using testSessions = new TestSessions(world.server, 'bidi');
    const { session } = await testSessions.connect({ clientId: 'a-guest' });
    const { accepted } = await session.ask('Hello.');
    await using visitor = await chromium.visitor(world.url);
    const { page } = await ChatPage.open(visitor);
    await page.getByRole('link', { name: 'Operator', exact: true }).click();
    await page.getByRole('meter', { name: 'Clients connected' }).waitFor();
    await page.getByRole('meter', { name: 'Messages in processing' }).waitFor();
    // One client and the page itself; the server of this test lets 50 in.
    await page.getByRole('img', { name: 'Clients connected over time: now 2, at most 2, limit 50' }).waitFor();
    await page.getByRole('img', { name: 'Messages queued over time: now 0, at most 0' }).waitFor();
    // Nothing of what was counted before somebody looked.
    await page.getByRole('img', { name: 'Messages accepted in a minute over time: now 0, at most 0' }).waitFor();
    await session.ask('Hello again.');
    await expect(session.ask(' ')).rejects.toMatchObject({ reason: 'EMPTY_MESSAGE' });
    for (const name of ['Messages accepted in a minute', 'Replies in a minute', 'Refused in a minute', 'EMPTY_MESSAGE'])
      await page.getByRole('img', { name: `${name} over time: now 1, at most 1` }).waitFor();
    await page.getByRole('button', { name: 'Read again' }).click();
    await page.getByRole('img', { name: /^Tokens by hour: \d+ in all, at most \d+$/ }).waitFor();
    const used = page.getByRole('table', { name: 'What replies used' });
    await used.getByRole('row', { name: /^a-guest 2 0 \d+ \d+$/ }).waitFor();
    await setPrices(world.server.address);
    await session.ask('What do you cost?');
    await page.getByRole('combobox', { name: 'By' }).selectOption('model');
    await used.getByRole('row', { name: /^simulated simulated [23] 0 / }).waitFor();
    await page.getByRole('button', { name: 'Read again' }).click();
    await used.getByRole('columnheader', { name: 'Cost in EUR' }).waitFor();
    await used.getByRole('row', { name: /^simulated simulated 3 0 \d+ \d+ 0\.\d{2,6}$/ }).waitFor();
    await page.getByRole('combobox', { name: 'Time' }).selectOption('the last 12 months');
    await page.getByRole('img', { name: /^Tokens by month: \d+ in all/ }).waitFor();
    const row = page.getByRole('table', { name: 'Connections' }).getByRole('row', { name: /a-guest/ });
    await row.waitFor();
    await page.getByRole('textbox', { name: 'Message id' }).fill(accepted.messageId);
    await page.getByRole('button', { name: 'Explain', exact: true }).click();
    const steps = page.getByRole('list', { name: 'What happened' }).getByRole('listitem');
    await steps
      .filter({ hasText: /completed/i })
      .first()
      .waitFor();
    expect(await steps.count()).toBeGreaterThan(2);
    await page.getByRole('button', { name: 'Disconnect a-guest' }).click();
    await page.getByRole('dialog', { name: 'Disconnect a-guest?' }).getByRole('button', { name: 'Disconnect' }).click();
    expect(await session.ended).toMatchObject({ reason: 'DISCONNECTED' });
    await row.waitFor({ state: 'detached', timeout: waitTimeoutMs });
  });
});

test('who is no operator is told so, in words', async () => {
  await using world = await World.start('bridge', { env: { ...prompt, PARLEY_AUTH: 'accounts' } });
  await using visitor = await chromium.visitor(world.url);
  const chat = await ChatPage.open(visitor);
  await chat.button('Create an account').click();
  await chat.page.getByRole('textbox', { name: 'User name' }).fill('dora');
  await chat.page.getByLabel('Password', { exact: true }).fill('correct horse battery');
  await chat.button('Create account').click();
  await chat.is('connected');
  await chat.ask('Hello.');
  const forOperators = chat.page.getByRole('link', { name: /^(?:Operator|Explain this message)$/ });
  expect(await forOperators.count()).toBe(0);
  await chat.page.goto(`${world.url}#/operator`);
  await chat.alert.waitFor();
  const words = (await chat.alert.textContent()) ?? '';
  expect(words).toMatch(/operator/i);
  expect(words).not.toContain('OPERATOR_REQUIRED');
});
