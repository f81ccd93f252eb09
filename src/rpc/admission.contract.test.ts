import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { gatewayBeatMs } from '../domain/limits.ts';
import { allHaveLeft } from '../testing/arrivals.ts';
import { type Session, shapes } from '../testing/black-box-client.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { eventually, refusalOf, TestSessions } from '../testing/test-sessions.ts';

describe('two slots and a line of two', () => {
  let server: ParleyServer;

  beforeAll(async () => {
    server = await startServer({
      env: { PARLEY_MAX_CLIENTS: '2', PARLEY_MAX_WAITING_CLIENTS: '2', PARLEY_SIMULATED_TEXT_DELAY_MS: '0' },
    });
  });
  // Slots are few: the next test is not to find them taken by those of the one before.
  afterEach(() => allHaveLeft(server));
  afterAll(() => server?.[Symbol.asyncDispose]());

  describe.each(shapes)('%s', (shape) => {
    test('a client that will not wait is refused with a delay', async () => {
      await using testSessions = new TestSessions(server, shape);
      await testSessions.connect();
      await testSessions.connect();
      const refused = await refusalOf(testSessions.dial());
      expect(refused).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'TOO_MANY_CLIENTS', domain: 'parley' });
      expect(refused.retryDelayMs).toBeGreaterThan(0);
    });

    test('clients wait in order, hear their place, and the first takes the slot freed', async () => {
      await using testSessions = new TestSessions(server, shape);
      const { session } = await testSessions.connect();
      await testSessions.connect();
      const first = testSessions.dial({ waitForSlotMs: 20_000 });
      expect(await first.find('waiting')).toEqual({ place: 1 });
      const second = testSessions.dial({ waitForSlotMs: 20_000 });
      expect(await second.find('waiting')).toEqual({ place: 2 });
      await session.goodbye();
      await first.welcome();
      await second.find('waiting', ({ place }) => place === 1);
      expect(second.all('welcome')).toEqual([]);
      first.drop();
      await second.welcome();
      expect(second.all('waiting').map(({ place }) => place)).toEqual([2, 1]);
    });

    test('a waiting client that gave up takes no slot', async () => {
      await using testSessions = new TestSessions(server, shape);
      const { session } = await testSessions.connect();
      await testSessions.connect();
      const first = testSessions.dial({ waitForSlotMs: 20_000 });
      await first.find('waiting');
      const second = testSessions.dial({ waitForSlotMs: 20_000 });
      await second.find('waiting');
      first.drop();
      await second.find('waiting', ({ place }) => place === 1);
      await session.goodbye();
      await second.welcome();
    });

    test('waiting ends in a refusal after the time asked for', async () => {
      await using testSessions = new TestSessions(server, shape);
      await testSessions.connect();
      await testSessions.connect();
      const patient = testSessions.dial({ waitForSlotMs: 300 });
      await patient.find('waiting');
      expect(await refusalOf(patient)).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'TOO_MANY_CLIENTS' });
    });

    test('a full line refuses', async () => {
      await using testSessions = new TestSessions(server, shape);
      await testSessions.connect();
      await testSessions.connect();
      await testSessions.dial({ waitForSlotMs: 20_000 }).find('waiting');
      await testSessions.dial({ waitForSlotMs: 20_000 }).find('waiting');
      const refused = await refusalOf(testSessions.dial({ waitForSlotMs: 20_000 }));
      expect(refused).toMatchObject({ reason: 'TOO_MANY_CLIENTS' });
    });

    test('the same client cannot connect twice, nor with a wrong token', async () => {
      await using testSessions = new TestSessions(server, shape);
      const { session, clientId } = await testSessions.connect();
      const twice = await refusalOf(testSessions.dial({ clientId }));
      expect(twice).toMatchObject({ code: 'ALREADY_EXISTS', reason: 'ALREADY_CONNECTED', domain: 'parley' });
      const guessed = await refusalOf(testSessions.dial({ clientId, resumeToken: 'guessed', waitForSlotMs: 1000 }));
      expect(guessed).toMatchObject({ reason: 'ALREADY_CONNECTED' });
      // Nobody here has shown who they are.
      const wished = await refusalOf(testSessions.dial({ clientId, takeOver: true }));
      expect(wished).toMatchObject({ reason: 'ALREADY_CONNECTED' });
      expect((await session.ask('undisturbed')).reply.status).toBe('MESSAGE_STATUS_COMPLETED');
    });

    test('of the same client dialling many times at once, one is welcomed', async () => {
      await using testSessions = new TestSessions(server, shape);
      const clientId = randomUUID();
      const sessions = Array.from({ length: 10 }, () => testSessions.dial({ clientId }));
      const outcomes = await Promise.all(
        sessions.map((session) =>
          session.welcome().then(
            () => 'welcome',
            (refused) => refused.reason,
          ),
        ),
      );
      expect(outcomes.filter((outcome) => outcome === 'welcome')).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === 'ALREADY_CONNECTED')).toHaveLength(9);
    });

    test('the resume token takes the session over, the older stream is told, and the slot is counted once', async () => {
      await using testSessions = new TestSessions(server, shape);
      const { session: older, welcome, clientId } = await testSessions.connect();
      await testSessions.connect();
      const { session: newer, welcome: again } = await testSessions.connect({
        clientId,
        resumeToken: welcome.resumeToken,
        conversationId: welcome.conversationId,
      });
      expect(await refusalOf(older)).toMatchObject({ code: 'ABORTED', reason: 'SESSION_TAKEN_OVER', domain: 'parley' });
      expect(again.conversationId).toBe(welcome.conversationId);
      expect(again.resumeToken).not.toBe(welcome.resumeToken);
      expect((await newer.ask('it goes on here')).reply.status).toBe('MESSAGE_STATUS_COMPLETED');
      expect(await refusalOf(testSessions.dial())).toMatchObject({ reason: 'TOO_MANY_CLIENTS' });
    });

    test('a token that was used works until the session it began was active: its welcome may have been lost', async () => {
      await using testSessions = new TestSessions(server, shape);
      const { welcome, clientId } = await testSessions.connect();
      const again = { clientId, resumeToken: welcome.resumeToken };
      const { session: unheard } = await testSessions.connect(again);
      let { session } = await testSessions.connect(again);
      expect(await refusalOf(unheard)).toMatchObject({ reason: 'SESSION_TAKEN_OVER' });
      const dialed = async () => {
        await session.ping();
        // A beat says who was active.
        await sleep(gatewayBeatMs + 500);
        const next = testSessions.dial(again);
        const reason = await Promise.race([next.welcome().then(() => ''), next.ended.then((how) => how?.reason)]);
        if (reason === '') session = next;
        return reason;
      };
      await eventually(dialed, (reason) => reason === 'ALREADY_CONNECTED');
    });
  });
});

/** More than a gateway looks after in one go. */
const sizeOfCrowd = 300;

describe('short deadlines', () => {
  let server: ParleyServer;

  beforeAll(async () => {
    server = await startServer({
      env: {
        // The crowd, and those who come while it comes.
        PARLEY_MAX_CLIENTS: String(sizeOfCrowd + 50),
        // Those of the crowd who have a slot say something within it, also on a machine that does other things as well.
        PARLEY_FIRST_MESSAGE_DEADLINE_MS: '6000',
        PARLEY_HEARTBEAT_INTERVAL_MS: '500',
        PARLEY_STALE_AFTER_MS: '5000',
        PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
        PARLEY_ALLOWED_TIME_ZONES: 'Asia/*,Europe/Paris',
      },
    });
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  describe.each(shapes)('%s', (shape) => {
    test('a client that only pings loses its slot, and one that spoke keeps it', async () => {
      await using testSessions = new TestSessions(server, shape);
      const { session: silent } = await testSessions.connect();
      const { session: checkingClient } = await testSessions.connect();
      await checkingClient.ask('I speak');
      const pinging = setInterval(() => {
        if (!silent.isOver) silent.ping().catch(() => {});
        checkingClient.ping().catch(() => {});
      }, 250);
      try {
        const refused = await refusalOf(silent);
        expect(refused).toMatchObject({ code: 'DEADLINE_EXCEEDED', reason: 'FIRST_MESSAGE_TIMEOUT', domain: 'parley' });
        expect((await checkingClient.ask('and go on')).reply.status).toBe('MESSAGE_STATUS_COMPLETED');
      } finally {
        clearInterval(pinging);
      }
    });

    test('a client that is not heard of any more is stale, whoever pings stays', async () => {
      await using testSessions = new TestSessions(server, shape);
      const { session: gone } = await testSessions.connect();
      const { session: there } = await testSessions.connect();
      await Promise.all([gone.ask('I shall leave'), there.ask('I shall stay')]);
      const pinging = setInterval(() => void there.ping().catch(() => {}), 250);
      try {
        expect(await refusalOf(gone)).toMatchObject({ code: 'DEADLINE_EXCEEDED', reason: 'STALE', domain: 'parley' });
        await there.ping();
        expect(there.isOver).toBe(false);
      } finally {
        clearInterval(pinging);
      }
    });

    test('a client that is not heard of any more is stale, however many came before it and stay', async () => {
      await using testSessions = new TestSessions(server, shape);
      const crowd: Session[] = [];
      const pinging = setInterval(() => {
        for (const session of crowd) session.ping().catch(() => {});
      }, 1_000);
      try {
        // A few at a time: none is to be stale before it pings.
        const arrive = async () => {
          while (crowd.length < sizeOfCrowd) {
            const { session } = await testSessions.connect();
            crowd.push(session);
            await session.text('I shall stay');
          }
        };
        await Promise.all(Array.from({ length: 10 }, arrive));
        const { session: gone } = await testSessions.connect();
        await gone.text('I shall leave');
        expect(await refusalOf(gone)).toMatchObject({ reason: 'STALE' });
        expect(crowd.filter(({ isOver }) => isOver)).toEqual([]);
      } finally {
        clearInterval(pinging);
      }
    });

    test('only the time zones of the configured patterns are served', async () => {
      await using testSessions = new TestSessions(server, shape);
      await testSessions.connect({ timeZone: 'Asia/Tokyo' });
      await testSessions.connect({ timeZone: 'Europe/Paris' });
      expect(await refusalOf(testSessions.dial({ timeZone: 'Europe/Berlin' }))).toMatchObject({
        reason: 'TIME_ZONE_REFUSED',
      });
    });
  });
});
