import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { Cluster, type Member } from '../testing/cluster.ts';
import { ClusterTalk, rover, unhurried } from '../testing/cluster-talk.ts';
import { formerRelease } from '../testing/former-release.ts';
import { wholeConversation } from '../testing/oracle.ts';
import { ownRoot } from '../testing/server.ts';
import { eventually } from '../testing/test-sessions.ts';

// Cause: the first projector of another release began its read models in the place of the former ones, upon which every process of the release before
// ended: all gateways within a second, and none could be started again.

/** Enough that each process always has some. */
const clients = 8;
/** Replies of three seconds: each process that is replaced has some under way, and few records are folded anew beside them. */
const longWinded = { PARLEY_SIMULATED_PIECE_INTERVAL_MS: '400' };
/** Guards against hanging on a busy machine. */
const caughtUpWithinMs = 120_000;
/** Ten processes are replaced, one after the other; a guard against hanging. */
jest.setTimeout(600_000);

const resources = new AsyncDisposableStack();
let previousRoot: string;
let cluster: Cluster;
let talk: ClusterTalk;

beforeAll(async () => {
  previousRoot = await formerRelease('before-0.3.0');
  cluster = resources.use(
    await Cluster.start({ projectors: 2, env: { ...unhurried, ...longWinded }, root: previousRoot }),
  );
  const rovers = Array.from({ length: clients }, (_, index) => rover(cluster, index));
  talk = resources.use(new ClusterTalk(cluster, rovers));
  await talk.begin();
});
afterAll(() => resources.disposeAsync());

/** Drains them one after the other, each when all clients were answered since the one before, and history is whole at each gateway. */
async function replace(names: readonly string[], root: string): Promise<void> {
  for (const name of names) {
    const member = cluster.member(name);
    await cluster.replace(member, root);
    await talk.answered();
    for (const gateway of cluster.of('gateway')) await expectHistoryAt(gateway);
  }
}

/** What docs/deployment.md waits for before it goes on. */
async function caughtUp({ server }: Member): Promise<void> {
  await eventually(
    async () => server.stderr(),
    (lines) => lines.includes('"model":"history","msg":"the read model has caught up with the log"'),
    caughtUpWithinMs,
  );
}

/** Everything that the client was told until now. */
async function expectHistoryAt({ server }: Member): Promise<void> {
  const [client] = talk.checkingClients;
  if (client === undefined) throw new Error('there are clients');
  const told = client.accepted.map(({ accepted }) => accepted.messageId);
  await eventually(
    async () => (await wholeConversation(server.address, client.conversationId)).map(({ messageId }) => messageId),
    (known) => told.every((messageId) => known.includes(messageId)),
    caughtUpWithinMs,
  );
}

test(`the release before is replaced, process by process, while ${clients} clients chat`, async () => {
  await replace(['projector-0'], ownRoot);
  await caughtUp(cluster.member('projector-0'));
  await replace(['worker-0', 'worker-1', 'gateway-0', 'gateway-1', 'projector-1'], ownRoot);
});

test('it comes back: nothing is lost, told twice or over its limit, and history is whole at both releases', async () => {
  await replace(['projector-0', 'worker-0', 'gateway-0', 'gateway-1'], previousRoot);
  await talk.end();
  console.info(`${talk.accepted} messages accepted; ${talk.interruptions().text}`);
  // Read from the gateways of the former release, while the audit and the rebuild, which compares, are this one's.
  expect(await talk.breaches()).toEqual([]);
  // Each had its streams at both releases, and resumed.
  for (const client of talk.checkingClients) expect(client.welcomes).toBeGreaterThan(3);
});
