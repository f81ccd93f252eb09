import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { bucketBreaches } from '../testing/bucket-oracle.ts';
import type { CheckingClient } from '../testing/checking-client.ts';
import { Cluster } from '../testing/cluster.ts';
import { ClusterTalk, rover, unhurried } from '../testing/cluster-talk.ts';
import { call, clientOf, type Dynamic, hangUp } from '../testing/contract.ts';
import { fetchBreaches } from '../testing/media-oracle.ts';
import { wholeConversation } from '../testing/oracle.ts';
import { seededRandom } from '../testing/random.ts';
import { rounds } from '../testing/rounds.ts';
import { mixedSayings } from '../testing/sayings.ts';
import { sweepsAfter } from '../testing/server.ts';
import { eventually } from '../testing/test-sessions.ts';

/** Each of the five processes once. */
const kills = rounds({ usual: 5, long: 25 });
const clients = 12;
const longestQuietMs = 1_500;
const sweepTimeoutMs = 60_000;
jest.setTimeout(240_000 + kills * 60_000);

const random = seededRandom();
let cluster: Cluster;
let talk: ClusterTalk;

beforeAll(async () => {
  cluster = await Cluster.start({
    env: {
      ...unhurried,
      PARLEY_AUTH: 'accounts',
      PARLEY_SIMULATED_VOICE_DELAY_MS: '0-300',
      PARLEY_SIMULATED_VIDEO_DELAY_MS: '0-300',
      ...sweepsAfter(20_000),
      PARLEY_MEDIA_SWEEP_INTERVAL_MS: '2000',
    },
  });
  talk = new ClusterTalk(cluster, await Promise.all(Array.from({ length: clients }, (_, index) => somebody(index))));
});
afterAll(async () => {
  talk?.[Symbol.dispose]();
  await cluster?.[Symbol.asyncDispose]();
});

/** All sign up at once, and each costs a hash: a guard against hanging on a busy machine. */
const signUpWithinMs = 120_000;

/** A checkingClient with an account of its own, who says all that can be said. */
async function somebody(index: number): Promise<CheckingClient> {
  const accounts = clientOf('chat.v1.AccountService', cluster.nextAddress());
  try {
    const somebody = { userName: `u${randomUUID().slice(1)}`, password: 'a long password' };
    const { tokens } = await call(accounts, 'SignUp', somebody, signUpWithinMs);
    const { clientId, accessToken } = tokens;
    return rover(cluster, index, { clientId, accessToken, sayings: mixedSayings(random) });
  } finally {
    hangUp(accounts);
  }
}

async function said(): Promise<Dynamic[]> {
  const conversations = talk.checkingClients.map(({ conversationId, accessToken }) =>
    wholeConversation(cluster.nextAddress(), conversationId, accessToken),
  );
  return (await Promise.all(conversations)).flat();
}

test(`voice, video and pictures of ${clients} people with accounts survive ${kills} kills, whole and each once`, async () => {
  await talk.begin();
  for (let kill = 0; kill < kills; kill += 1) {
    await sleep(random() * longestQuietMs);
    const member = cluster.members[kill % cluster.members.length];
    if (member === undefined) throw new Error('there are members');
    const answered = talk.allHear('message');
    await cluster.restart(member);
    await answered;
  }
  await talk.end();
  const withMedia = talk.checkingClients
    .flatMap(({ accepted }) => accepted)
    .filter(({ enclosure }) => enclosure !== undefined);
  console.info(`${kills} kills, ${talk.accepted} messages accepted, ${withMedia.length} of them with media`);
  expect(withMedia).not.toEqual([]);
  expect(await talk.breaches()).toEqual([]);
  expect(await fetchBreaches(await said())).toEqual([]);
  // Nobody uploads any more: two looks after the youngest has come of age nothing is left over.
  await eventually(
    async () => bucketBreaches(cluster.engines.s3, await cluster.entries()),
    (breaches) => breaches.length === 0,
    sweepTimeoutMs,
  );
});

test('what is somebody’s own is refused to others, at each gateway', async () => {
  const [mine, other] = talk.checkingClients;
  if (mine === undefined || other === undefined) throw new Error('there are some');
  for (const { server } of cluster.of('gateway')) {
    await expect(wholeConversation(server.address, mine.conversationId, other.accessToken)).rejects.toMatchObject({
      reason: 'NOT_YOURS',
    });
    await expect(wholeConversation(server.address, mine.conversationId)).rejects.toMatchObject({
      reason: 'UNAUTHENTICATED',
    });
  }
});
