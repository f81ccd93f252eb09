import { expect, jest, test } from '@jest/globals';
import { dial, type Session } from '../testing/black-box-client.ts';
import { call, clientOf, hangUp } from '../testing/contract.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { startTcpRelay } from '../testing/tcp-relay.ts';

/*
 * Cause: sessions were limited by client alone. One person with 60 accounts, made from one address within seconds, held all 50 slots.
 */

const maxClients = 50;
const accounts = 60;
/** A fifth, by default. */
const maxPerAddress = 10;

jest.setTimeout(180_000);

/** The server as it is reached from this address. */
function from(localAddress: string, { address }: ParleyServer) {
  const to = { hostname: '127.0.0.1', port: Number(address.split(':').at(-1)), localAddress };
  return startTcpRelay(to, ({ client, server }) => client.pipe(server).pipe(client));
}

/** Makes an account each, and holds a session with it where there is a slot; how many there are. */
async function holdSessions(address: string, name: string, count: number) {
  const client = clientOf('chat.v1.AccountService', address);
  const sessions: Session[] = [];
  const refused: Record<string, number> = {};
  for (let index = 0; index < count; index += 1) {
    const { tokens } = await call(client, 'SignUp', { userName: `${name}-${index}`, password: 'correct horse' });
    const session = dial({ address, shape: 'bidi', accessToken: tokens.accessToken }, { clientId: '' });
    const isIn = await session.welcome().then(
      () => true,
      () => false,
    );
    if (isIn) sessions.push(session);
    else {
      const reason = (await session.ended)?.reason ?? '';
      refused[reason] = (refused[reason] ?? 0) + 1;
    }
  }
  hangUp(client);
  return { sessions, refused };
}

test('one address with 60 accounts has a fifth of the slots, and an honest client of another gets in', async () => {
  await using server = await startServer({
    env: {
      PARLEY_AUTH: 'accounts',
      // Not loopback alone, where all clients have one address.
      PARLEY_GRPC_LISTEN: '0.0.0.0:0',
      PARLEY_TLS_TERMINATION: 'proxy',
      PARLEY_SIGN_UPS_PER_ADDRESS: String(accounts + 2),
      PARLEY_FIRST_MESSAGE_DEADLINE_MS: '600000',
      PARLEY_STALE_AFTER_MS: '600000',
      PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
    },
  });
  await using attacker = await from('127.1.0.1', server);
  await using elsewhere = await from('127.1.0.2', server);
  const held = await holdSessions(`127.0.0.1:${attacker.port}`, 'mallory', accounts);
  const honest = await holdSessions(`127.0.0.1:${elsewhere.port}`, 'ann', 1);
  console.info(`${held.sessions.length} of ${maxClients} slots are held by one address`);
  await honest.sessions[0]?.ask('May I come in?');
  // One that leaves makes room for one.
  await held.sessions[0]?.goodbye();
  const next = await holdSessions(`127.0.0.1:${attacker.port}`, 'mallory-again', 2);
  for (const { sessions } of [held, honest, next]) for (const session of sessions) session.drop();
  expect(held.sessions).toHaveLength(maxPerAddress);
  expect(held.refused).toEqual({ TOO_MANY_SESSIONS: accounts - maxPerAddress });
  expect(honest.sessions).toHaveLength(1);
  expect(next).toMatchObject({ sessions: [expect.anything()], refused: { TOO_MANY_SESSIONS: 1 } });
});
