/**
 * `node src/testing/attacks/insider.ts GRPC_ADDRESS CLIENTS BEGIN_MS MILLISECONDS [accounts]`: so many clients do all that a client may, each act in tight loops; with `accounts` each has one.
 * Prints how often they were refused, by reason, as JSON.
 */
import { randomUUID } from 'node:crypto';
import { dial, withToken } from '../black-box-client.ts';
import { call, clientOf, type DynamicClient, hangUp } from '../contract.ts';
import { padded, picture, type Sample } from '../media-samples.ts';
import { putTo, reserve } from '../uploads.ts';
import { attackFrom } from './attacker-process.ts';
import { refusalIn } from './writes.ts';

const sample: Sample = { ...picture, bytes: padded(picture, 20_000) };

/** Where this client does what it does. */
export interface InsiderTarget {
  readonly address: string;
  /** '': whose the access token is. */
  readonly clientId: string;
  readonly accessToken?: string;
  /** Of each message. */
  readonly textBytes: number;
}

/** Does all that a client may do, each in loops of its own, whatever it is answered; resolves with how often each was refused, by reason. */
export async function attackFromInside(
  { textBytes, ...who }: InsiderTarget,
  untilMs: number,
): Promise<ReadonlyMap<string, number>> {
  const { address, clientId } = who;
  const refused = new Map<string, number>();
  const [chat, history] = [clientOf('chat.v1.ChatService', address), clientOf('chat.v1.HistoryService', address)];
  const session = dial({ ...who, shape: 'split', client: chat }, { clientId });
  const { sessionId, conversationId } = await session.welcome();
  const note = (reason: string) => refused.set(reason, (refused.get(reason) ?? 0) + 1);
  const noted = async (answer: Promise<unknown>) => {
    const why = await refusalIn(answer);
    if (why !== null) note(why.reason);
    return why;
  };
  const messageIds: string[] = [];
  const ask = (client: DynamicClient, method: string, request: object) =>
    call(client, method, request, undefined, withToken(who.accessToken));
  const acts: (() => Promise<unknown>)[] = [
    async () => {
      const message = { clientMessageId: randomUUID(), parts: [{ text: 'x'.repeat(textBytes) }] };
      await noted(
        ask(chat, 'Send', { sessionId, message }).then((sent) => {
          messageIds.push(sent.accepted.messageId);
        }),
      );
    },
    async () => noted(ask(chat, 'StopReply', { sessionId, messageId: messageIds.at(-1) ?? 'none' })),
    async () => noted(ask(history, 'RenameConversation', { conversationId, title: randomUUID() })),
    async () => {
      const begun = await session.join('').catch((error: { reason?: string }) => void note(error.reason ?? 'unknown'));
      if (begun) await noted(ask(history, 'DeleteConversation', { conversationId: begun.conversationId }));
    },
    async () => {
      const reserved = await reserve(who, sample).catch((error: { reason?: string }) => void note(error.reason ?? ''));
      if (reserved) await putTo(reserved, sample.bytes);
    },
    async () => {
      const second = dial({ ...who, shape: 'bidi', client: chat }, { clientId });
      await second.welcome().catch(() => undefined);
      second.drop();
      note((await second.ended)?.reason ?? 'none');
    },
  ];
  const loop = async (act: () => Promise<unknown>) => {
    while (performance.now() < untilMs) await act();
  };
  await Promise.all(acts.flatMap((act) => [loop(act), loop(act)]));
  session.drop();
  hangUp(chat);
  hangUp(history);
  return refused;
}

async function withAccount(
  address: string,
  userName: string,
): Promise<Pick<InsiderTarget, 'clientId' | 'accessToken'>> {
  const client = clientOf('chat.v1.AccountService', address);
  const { tokens } = await call(client, 'SignUp', { userName, password: 'correct horse battery' });
  hangUp(client);
  return { clientId: '', accessToken: tokens.accessToken };
}

if (import.meta.main) {
  const [address = '', clients, beginMs, durationMs, accounts] = process.argv.slice(2);
  const whoIs = accounts === 'accounts' ? withAccount : async (_: string, clientId: string) => ({ clientId });
  const insiders = [];
  for (let index = 0; index < Number(clients); index += 1)
    insiders.push({ address, textBytes: 1_000, ...(await whoIs(address, `insider-${index}`)) });
  await attackFrom(Number(beginMs));
  const untilMs = performance.now() + Number(durationMs);
  const each = await Promise.all(insiders.map((insider) => attackFromInside(insider, untilMs)));
  const reasons = each.flatMap((refused) => [...refused.keys()]);
  const sums = [...new Set(reasons)].map((reason) => [
    reason,
    each.reduce((sum, refused) => sum + (refused.get(reason) ?? 0), 0),
  ]);
  process.stdout.write(`${JSON.stringify(Object.fromEntries(sums))}\n`);
  process.exit();
}
