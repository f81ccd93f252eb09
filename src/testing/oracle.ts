import { call, clientOf, type Dynamic, hangUp } from './contract.ts';
import { textOf } from './stranger.ts';
import type { Said, Talker } from './talker.ts';

const pageSize = 200;
const final = new Set(['MESSAGE_STATUS_COMPLETED', 'MESSAGE_STATUS_STOPPED', 'MESSAGE_STATUS_FAILED']);

/** Every message of a conversation, as history tells it. */
export async function wholeConversation(address: string, conversationId: string): Promise<Dynamic[]> {
  const history = clientOf('chat.v1.HistoryService', address);
  const all: Dynamic[] = [];
  try {
    let pageToken = '';
    do {
      const page = await call(history, 'ListMessages', { conversationId, pageSize, pageToken });
      all.push(...page.messages);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    return all;
  } finally {
    hangUp(history);
  }
}

/**
 * What is wrong with history (O1, O2, O3); empty when nothing is. While clients go on talking, `until` names what must be settled: what they
 * were told was accepted until then.
 */
export async function historyBreaches(
  address: string,
  talkers: readonly Talker[],
  until?: ReadonlySet<Said>,
): Promise<string[]> {
  const breaches = talkers.flatMap((talker) => talker.breaches);
  for (const talker of talkers) {
    const accepted = talker.accepted.filter((said) => until?.has(said) ?? true);
    if (accepted.length === 0) continue;
    const messages = await wholeConversation(address, talker.conversationId);
    breaches.push(...conversationBreaches(talker, accepted, messages));
  }
  return breaches;
}

function conversationBreaches(talker: Talker, accepted: readonly Said[], messages: readonly Dynamic[]): string[] {
  const breaches: string[] = [];
  const expect = (holds: boolean, what: string) => {
    if (!holds) breaches.push(`${talker.conversationId}: ${what}`);
  };
  const byId = Map.groupBy(messages, (message) => message.messageId as string);
  const repliesTo = Map.groupBy(messages, (message) => message.replyToMessageId as string);
  for (const [id, same] of byId) expect(same.length === 1, `${id} is ${same.length} times in history`);
  for (const said of accepted) {
    const id: string = said.accepted.messageId;
    const stored = byId.get(id)?.[0];
    if (stored === undefined) {
      expect(false, `accepted ${id} is not in history`);
      continue;
    }
    expect(
      stored.sequence === said.accepted.sequence && textOf(stored) === said.text,
      `${id} is not what was accepted`,
    );
    expect(final.has(stored.status), `${id} is ${stored.status}`);
    const replies = repliesTo.get(id) ?? [];
    expect(
      replies.length === (stored.status === 'MESSAGE_STATUS_FAILED' ? 0 : 1),
      `${id} has ${replies.length} replies`,
    );
    if (said.reply !== undefined)
      expect(textOf(said.reply) === textOf(replies[0] ?? { parts: [] }), `${id}: told and stored replies differ`);
  }
  const known = new Set(talker.said.map((said) => said.clientMessageId));
  for (const message of messages) {
    expect(message.role !== 'ROLE_USER' || known.has(message.clientMessageId), `${message.messageId} was never said`);
  }
  const answered = messages
    .filter((message) => message.role === 'ROLE_ASSISTANT')
    .map((reply) => byId.get(reply.replyToMessageId)?.[0]?.sequence);
  expect(
    answered.every((sequence, index) => index === 0 || sequence > answered[index - 1]),
    'replies are out of order',
  );
  return breaches;
}
