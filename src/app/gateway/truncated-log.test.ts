import { afterEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../adapters/node/system-clock.ts';
import type { AdmissionEvent } from '../../domain/admission/events.ts';
import { initialAdmission } from '../../domain/admission/state.ts';
import type { EventLog } from '../../ports/event-log.ts';
import { eventCodec } from '../../testing/event-codec.ts';
import { MemoryLogServer } from '../../testing/memory/event-log/memory-log.ts';
import { eventually } from '../../testing/test-sessions.ts';
import { Journal } from '../journal.ts';
import { Admission, type AdmissionListener } from './admission.ts';

/*
 * Cause: a reader that was further than the log, because an older copy was restored or a power cut took its end, waited for the log to
 * come to its offset: a gateway answered nobody, without a word.
 */

const limits = { maxClients: 2, maxWaitingClients: 10, gatewayLeaseMs: 15_000, firstMessageDeadlineMs: 60_000 };
const topics = { 'test.connections': 1, 'test.conversations': 1 };

class World {
  readonly log = new MemoryLogServer(topics, () => systemClock.nowMs());
  /** The next append is acknowledged, and lost before anybody has read it. */
  losesNext = false;
  readonly journal = new Journal(this.#losing(this.log.handle()), eventCodec, 'test');
  readonly errors: object[] = [];
  readonly admissions: Admission[] = [];
  #sessions = 0;

  async gateway(gatewayId: string, offset = 0): Promise<Admission> {
    const silent = () => undefined;
    const admission = new Admission({
      journal: this.journal,
      clock: systemClock,
      logger: { debug: silent, info: silent, warn: silent, error: (fields) => void this.errors.push(fields) },
      gatewayId,
      incarnation: `of ${gatewayId}`,
      isIdExclusive: true,
      limits,
      snapshot: { state: initialAdmission, offset },
      onFault: (error) => {
        throw error;
      },
    });
    this.admissions.push(admission);
    await admission.start();
    return admission;
  }

  #losing(log: EventLog): EventLog {
    const append: EventLog['append'] = async (records) => {
      if (!this.losesNext) return log.append(records);
      this.losesNext = false;
      const offset = await log.endOffset('test.connections', 0);
      return records.map(({ topic, partition }) => ({ topic, partition, offset, timeMs: systemClock.nowMs() }));
    };
    return new Proxy(log, {
      get(target, name: keyof EventLog) {
        const member = name === 'append' ? append : target[name];
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
  }

  /** Applies for a slot, again whenever the gateway is lost; notes what was heard. */
  async apply(admission: Admission, clientId: string): Promise<string[]> {
    const heard: string[] = [];
    const request = async (): Promise<void> => {
      this.#sessions += 1;
      const facts = {
        clientId,
        timeZone: 'UTC',
        conversationId: 'c',
        tokenHash: '',
        resumeTokenHash: '',
        waitMs: 30_000,
      };
      await admission.request({ sessionId: `s${this.#sessions}`, ...facts }, listener);
    };
    const listener: AdmissionListener = {
      opened: () => void heard.push('opened'),
      queued: (place) => void heard.push(`queued ${place}`),
      refused: (reason) => void heard.push(`refused ${reason}`),
      closed: (reason) => {
        heard.push(`closed ${reason}`);
        void request();
      },
    };
    await request();
    return heard;
  }

  async append(...events: readonly AdmissionEvent[]): Promise<void> {
    await this.journal.appendConnection(events);
  }
}

let world: World;
afterEach(() => Promise.all(world.admissions.map((admission) => admission.stop())));

describe('a gateway whose log has become shorter', () => {
  test('than its snapshot folds it from the beginning, and says so', async () => {
    world = new World();
    await world.append({ type: 'GatewayStarted', gatewayId: 'other', limits });
    const gateway = await world.gateway('g', 1_000);
    expect(await world.apply(gateway, 'ann')).toEqual(['opened']);
    expect(gateway.state.gateways.has('other')).toBe(true);
    expect(world.errors).toEqual([expect.objectContaining({ offset: 1_000, endOffset: 1 })]);
  });

  test('while it runs folds it again, suspended meanwhile, and its sessions apply again', async () => {
    world = new World();
    const gateway = await world.gateway('g');
    const heard = [await world.apply(gateway, 'ann'), await world.apply(gateway, 'bob')];
    world.log.truncate('test.connections', 0, 2);
    await eventually(
      async () => world.errors.length,
      (errors) => errors > 0,
    );
    expect(world.errors).toEqual([expect.objectContaining({ offset: 3, endOffset: 2 })]);
    await eventually(
      async () => heard,
      () => heard.every((one) => one.length === 3),
    );
    expect(heard).toEqual(Array.from({ length: 2 }, () => ['opened', 'closed GATEWAY_LOST', 'opened']));
    expect(gateway.state.open.size).toBe(2);
    expect(gateway.suspended).toBe(false);
  });

  // The session stayed open in the log, kept alive by the beats of a gateway that knew nothing of it: its client was refused for ever.
  test('by an end that it had acknowledged has the session ended again', async () => {
    world = new World();
    const gateway = await world.gateway('g');
    await world.apply(gateway, 'ann');
    world.losesNext = true;
    gateway.release('s1', 'GOODBYE', '');
    await eventually(
      async () => gateway.state.open.size,
      (open) => open === 0,
    );
    expect(await world.apply(gateway, 'ann')).toEqual(['opened']);
  });

  test('beside another keeps the cap, whoever of them is first', async () => {
    world = new World();
    const gateways = [await world.gateway('g'), await world.gateway('h')];
    const heard = [
      await world.apply(gateways[0] as Admission, 'ann'),
      await world.apply(gateways[1] as Admission, 'bob'),
    ];
    world.log.truncate('test.connections', 0, 0);
    await eventually(
      async () => heard,
      () => heard.every((one) => one.at(-1) === 'opened' && one.length > 1),
    );
    const late = await world.apply(gateways[0] as Admission, 'eve');
    expect(late).toEqual(['queued 1']);
    for (const { state } of gateways) expect(state.open.size).toBeLessThanOrEqual(limits.maxClients);
  });
});
