/**
 * `node src/testing/attacks/insider.ts GRPC_ADDRESS CLIENTS BEGIN_MS MILLISECONDS`: so many clients do all that a client may, each act in tight loops. Prints how often they were refused, by
 * reason, as JSON.
 */
import { randomUUID } from 'node:crypto';
import { dial } from '../black-box-client.ts';
import { call, clientOf, hangUp } from '../contract.ts';
import { padded, picture, type Sample } from '../media-samples.ts';
import { putTo, reserve } from '../uploads.ts';
import { attackFrom } from './attacker-process.ts';
import { refusalIn } from './writes.ts';

const sample: Sample = { ...picture, bytes: padded(picture, 20_000) };

/** Where this client does what it does. */
export interface InsiderTarget {
  readonly address: string;
  readonly clientId: string;
  /** Of each message. */
  readonly textBytes: number;
}

/** Does all that a client may do, each in loops of its own, whatever it is answered; resolves with how often each was refused, by reason. */
export async function attackFromInside(
  { address, clientId, textBytes }: InsiderTarget,
  untilMs: number,
): Promise<ReadonlyMap<string, number>> {
  const refused = new Map<string, number>();
  const [chat, history] = [clientOf('chat.v1.ChatService', address), clientOf('chat.v1.HistoryService', address)];
  const session = dial({ address, shape: 'split', client: chat }, { clientId });
  const { sessionId, conversationId } = await session.welcome();
  const note = (reason: string) => refused.set(reason, (refused.get(reason) ?? 0) + 1);
  const noted = async (answer: Promise<unknown>) => {
    const why = await refusalIn(answer);
    if (why !== null) note(why.reason);
    return why;
  };
  const messageIds: string[] = [];
  const who = { address, clientId };
  const acts: (() => Promise<unknown>)[] = [
    async () => {
      const message = { clientMessageId: randomUUID(), parts: [{ text: 'x'.repeat(textBytes) }] };
      await noted(
        call(chat, 'Send', { sessionId, message }).then((sent) => {
          messageIds.push(sent.accepted.messageId);
        }),
      );
    },
    async () => noted(call(chat, 'StopReply', { sessionId, messageId: messageIds.at(-1) ?? 'none' })),
    async () => noted(call(history, 'RenameConversation', { conversationId, title: randomUUID() })),
    async () => {
      const begun = await session.join('').catch((error: { reason?: string }) => void note(error.reason ?? 'unknown'));
      if (begun) await noted(call(history, 'DeleteConversation', { conversationId: begun.conversationId }));
    },
    async () => {
      const reserved = await reserve(who, sample).catch((error: { reason?: string }) => void note(error.reason ?? ''));
      if (reserved) await putTo(reserved, sample.bytes);
    },
    async () => {
      const second = dial({ address, shape: 'bidi', client: chat }, { clientId });
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

if (import.meta.main) {
  const [address = '', clients, beginMs, durationMs] = process.argv.slice(2);
  await attackFrom(Number(beginMs));
  const untilMs = performance.now() + Number(durationMs);
  const one = () => attackFromInside({ address, clientId: `insider-${randomUUID()}`, textBytes: 1_000 }, untilMs);
  const each = await Promise.all(Array.from({ length: Number(clients) }, one));
  const reasons = each.flatMap((refused) => [...refused.keys()]);
  const sums = [...new Set(reasons)].map((reason) => [
    reason,
    each.reduce((sum, refused) => sum + (refused.get(reason) ?? 0), 0),
  ]);
  process.stdout.write(`${JSON.stringify(Object.fromEntries(sums))}\n`);
  process.exit();
}
