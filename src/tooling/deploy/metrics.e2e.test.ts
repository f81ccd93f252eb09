import { beforeAll, describe, expect, test } from '@jest/globals';
import { SpendingService } from '../../client/gen/chat/v1/spending_service_pb.js';
import { grpc } from '../../client/node/grpc.ts';
import { Parley } from '../../client/parley.ts';
import { freePort } from '../../testing/engines/free-port.ts';
import { type ParleyServer, startServer } from '../../testing/server.ts';
import { eventually, TestSessions } from '../../testing/test-sessions.ts';
import { type Exposed, exposedIn } from './testing/exposition.ts';
import { selectorsOf } from './testing/promql.ts';
import { alertUses, dashboardUses, gapsOf, scalerUses } from './testing/uses.ts';

/** What costs nothing has no cost to show. */
async function setPrices({ address }: ParleyServer): Promise<void> {
  using parley = new Parley({ wire: grpc({ address }) });
  const prices = [{ provider: 'openai', model: 'none', inputPerMillion: 1_000_000n }];
  await parley.service(SpendingService).setPriceList({ currency: 'EUR', prices });
}

/** A model that nobody serves: an attempt that fails and a message that is given up; and one message that is refused. */
async function traffic(server: ParleyServer): Promise<void> {
  await using testSessions = new TestSessions(server, 'bidi');
  const { session } = await testSessions.connect();
  await session.text('Is anybody there?');
  await expect(session.text('')).rejects.toThrow();
  await session.find('rejected', ({ reason }) => reason === 'PROVIDER_FAILED');
  await session.goodbye();
}

describe('the metrics of a running server', () => {
  let exposed: ReadonlyMap<string, Exposed>;

  beforeAll(async () => {
    await using server = await startServer({
      env: {
        PARLEY_PROVIDER: 'openai',
        PARLEY_OPENAI_BASE_URL: `http://127.0.0.1:${await freePort()}/v1`,
        PARLEY_OPENAI_MODEL: 'none',
        PARLEY_MAX_ATTEMPTS: '1',
      },
    });
    await setPrices(server);
    await traffic(server);
    const metrics = async () => exposedIn(await (await fetch(`http://${server.httpAddress}/metrics`)).text());
    exposed = await eventually(metrics, (now) => now.get('parley_sessions_ended_total')?.labels.has('reason') === true);
  });

  test.each([
    ['the dashboard', dashboardUses],
    ['the alerts', alertUses],
    ['the scaler', scalerUses],
  ])('have every name and label that %s asks for', (_, uses) => {
    expect(uses().length).toBeGreaterThan(0);
    expect(uses().flatMap((use) => gapsOf(use, exposed))).toEqual([]);
  });

  test('have no metric of Parley that the dashboard leaves out', () => {
    const asked = new Set(dashboardUses().flatMap(({ query }) => selectorsOf(query).map(({ metric }) => metric)));
    const base = (name: string) => name.replace(/_(bucket|sum|count)$/, '');
    const shown = new Set([...asked].map(base));
    const left = [...exposed.keys()].filter((name) => name.startsWith('parley_') && !shown.has(base(name)));
    expect(left).toEqual([]);
  });

  test('a query with a name, label or value that is not there is found', () => {
    const gaps = (query: string, shown: readonly string[] = []) => gapsOf({ where: 'x', query, shown }, exposed);
    expect(gaps('sum(parley_no_such_total)')).toEqual(['x: there is no parley_no_such_total']);
    expect(gaps('sum by (why) (parley_refusals_total)')).toEqual(['x: parley_refusals_total has no why']);
    expect(gaps('parley_cap_limit{cap="chairs"}')).toEqual(['x: parley_cap_limit has no cap="chairs"']);
    expect(gaps('up{job="parley"}', ['reason'])).toEqual(['x: shows {{reason}}, which the query does not keep']);
  });
});
